"""Pictures of the screens for the documents, made by `just pictures` from real runs against the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.documents import DOCS
from tests.pictures import notebook, svg

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = DOCS / "pictures"


def shown_in(picture: Path) -> list[str]:
    """The lines that a reader sees in a picture."""
    return svg.text_of(picture) if picture.suffix == ".svg" else notebook.text_of(picture)

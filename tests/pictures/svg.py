"""A screen as SVG: text in a window with a title, in a font of which all characters are equally wide."""

from __future__ import annotations

import re
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.pictures.screen import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pictures.screen import Screen

_WRAPPED = "wrapped"
_WIDTH, _HEIGHT = 8.4, 18
_LEFT, _TOP = 16, 52
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,Liberation Mono,monospace"
# A window of its own, legible on a light page and on a dark one.
_STYLE = """
rect{fill:#0d1117;stroke:#3d444d}
.bar{fill:#3d444d}
text{fill:#e6edf3;font:14px FONT}
.title{fill:#9198a1;font-size:12px;text-anchor:middle}
.c31{fill:#ff7b72}.c32{fill:#56d364}.c33{fill:#e3b341}
""".replace("FONT", _FONT).strip()
# Words with single spaces between them; what stands in a column of its own is placed by itself.
_PIECE = re.compile(r"\S+(?: \S+)*")


def svg(screen: Screen, title: str) -> str:
    """Draw all lines of a screen."""
    lines = screen.lines if screen.lines[-1] else screen.lines[:-1]
    width, height = _LEFT * 2 + screen.columns * _WIDTH, _TOP + len(lines) * _HEIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}">',
            f"<style>{_STYLE}</style>",
            f'<rect x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1}" rx="8"/>',
            *(f'<circle class="bar" cx="{_LEFT + 5 + 16 * number}" cy="17" r="5"/>' for number in range(3)),
            f'<text class="title" x="{width / 2:.0f}" y="21">{escape(title)}</text>',
            *(_row(row, line, is_wrapped=row in screen.wrapped) for row, line in enumerate(lines)),
            "</svg>\n",
        ]
    )


def _row(row: int, line: list[tuple[str, int]], *, is_wrapped: bool) -> str:
    kind = f' class="{_WRAPPED}"' if is_wrapped else ""
    return f"<g{kind}>{''.join(_texts(row, line))}</g>"


def _texts(row: int, line: list[tuple[str, int]]) -> Iterator[str]:
    column = 0
    for color, characters in groupby(line, key=lambda one: one[1]):
        text = "".join(character for character, _ in characters)
        for found in _PIECE.finditer(text):
            x, y = _LEFT + (column + found.start()) * _WIDTH, _TOP + row * _HEIGHT
            kind = f' class="c{color}"' if color else ""
            # Fonts differ a little in width.
            length = f'textLength="{len(found[0]) * _WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
            yield f'<text{kind} x="{x:.1f}" y="{y}" {length}>{escape(found[0], quote=False)}</text>'
        column += len(text)


def text_of(picture: Path) -> list[str]:
    """The lines that a picture shows, however wide it is."""
    text = ""
    for row in ET.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}g"):  # noqa: S314 - our own
        line = ""
        for element in row:
            line = line.ljust(round((float(element.get("x", 0)) - _LEFT) / _WIDTH)) + (element.text or "")
        text += line.ljust(COLUMNS) if row.get("class") == _WRAPPED else f"{line}\n"
    return text.rstrip("\n").split("\n")

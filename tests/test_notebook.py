"""The notebook on a laptop: a folder in place of a catalog, and a made-up account."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from stripe_raw_rs import entities
from tests.conftest import landed

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = Path(__file__).parents[1] / "resources" / "stripe_raw_rs.ipynb"
NOTEBOOK: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def key_of_before() -> Iterator[None]:
    """Leave no key behind: the notebook sets the made-up one in its environment."""
    yield
    os.environ.pop("STRIPE_API_KEY", None)


def test_the_notebook_is_kept_without_outputs() -> None:
    """Outputs of a real account hold its customers, and would be in the history for good."""
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])


@pytest.mark.usefixtures("key_of_before")
def test_every_cell_runs_on_a_laptop_and_the_account_has_landed(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    for cell in CODE:
        exec(compile("".join(cell["source"]), f"cell {cell['id']}", "exec"), namespace)  # noqa: S102 - a notebook
    said = capsys.readouterr().out
    lake = Path(namespace["lake"])
    try:
        for entity in entities(namespace["entities"]):
            assert {*landed(lake, entity.name)["_stripe_id"].to_pylist()} == {*namespace["stripe"].ids(entity.name)}
        assert namespace["report"].exit_code == 0
        assert namespace["audit"].findings == ()
        assert namespace["status"]["charges"].state == "complete"
        assert pa.table(namespace["latest"]).num_rows == len(namespace["stripe"].ids("charges"))
        assert 0 < namespace["page"].num_rows <= 100
    finally:
        shutil.rmtree(lake)
    assert "RUN_COMPLETED" in said
    assert "currency" in said
    assert f"yours to drop: the folder {lake}" in said

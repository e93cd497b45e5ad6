"""Progress in a notebook is one place that is drawn again; a kernel runs the cells, as a notebook does."""

from __future__ import annotations

import sys
import textwrap
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import notebook
from stripe_raw_rs.progress import LogLines
from stripe_raw_rs.tracker import ListProgress, Snapshot

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
with StripeSimulator(counts={{"charges": {objects}}}, latency_ms={latency}) as stripe:
    options = {{"max_concurrent_requests": 1, "max_requests_per_second": 10_000, "page_size": 20}}
    report = ingest(lake={lake!r}, api_key="rk_test_1", api_base_url=stripe.url, entities="charges", **options)
report
"""


def run(program: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[dict[str, Any]]]:
    """Run one cell in a kernel of its own: the outputs that it keeps, and each update of one on the way."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed here")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    sheet = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(program))])
    updates: list[dict[str, Any]] = []

    class Client(nbclient.NotebookClient):  # type: ignore[misc, name-defined]
        def process_message(self, message: dict[str, Any], *others: Any) -> Any:
            if message["msg_type"] == "update_display_data":
                updates.append(message["content"]["data"])
            return super().process_message(message, *others)

    Client(sheet, timeout=120, kernel_name="python3").execute()
    return list(sheet.cells[0].outputs), updates


def test_a_long_run_has_one_place_that_is_updated_and_the_report_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = str(tmp_path / "lake")
    outputs, updates = run(PROGRAM.format(objects=1_500, latency=60, lake=lake), monkeypatch)
    kinds = [output.output_type for output in outputs]
    assert kinds == ["display_data", "execute_result"], outputs
    assert "1 of 1 list done, 1,500 objects" in outputs[0].data["text/html"], "the place keeps one line"
    assert "charges" in outputs[1].data["text/html"]
    assert len(outputs[1].data["text/plain"]) < 120
    assert 1 < len(updates) < 30
    assert any("objects/s" in update["text/html"] for update in updates)


def test_a_short_run_has_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = str(tmp_path / "lake")
    outputs, updates = run(PROGRAM.format(objects=20, latency=0, lake=lake), monkeypatch)
    assert [output.output_type for output in outputs] == ["execute_result"]
    assert updates == []


class ZMQInteractiveShell:
    """As the class of Jupyter's own shells is called, and a class that Databricks' is made from."""


class DatabricksShell(ZMQInteractiveShell):
    pass


class TerminalInteractiveShell:
    pass


@pytest.mark.parametrize(
    ("shell", "expected"),
    [(ZMQInteractiveShell(), True), (DatabricksShell(), True), (TerminalInteractiveShell(), False), (None, False)],
)
def test_a_notebook_is_told_by_its_shell(shell: object, *, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert notebook.is_notebook() == expected
    assert isinstance(notebook.usual_display(), notebook.NotebookDisplay) == expected


def test_a_process_without_ipython_has_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert type(notebook.usual_display()) is LogLines


def test_a_notebook_that_cannot_draw_has_the_log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def refuse(_html: object, **_options: object) -> None:
        tries.append("display")
        raise RuntimeError("no front end")

    module: Any = SimpleNamespace(HTML=str, display=refuse)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(notebook, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(notebook, "_REDRAW_SECONDS", 0.0)
    display = notebook.NotebookDisplay()
    for _ in range(3):
        display.tick()
    display.close()
    assert tries == ["display"]


def test_of_many_lists_the_fastest_have_a_row() -> None:
    rows = tuple(ListProgress(f"list_{n}", 1, 100, 1, None, 0, 1, 0, 1.0, float(n), 1.0) for n in range(40))
    shown = notebook.progress_html(Snapshot(rows, 2, 4_000, 40, 1, 61.0))
    assert shown.count("<tr>") == 13
    assert "list_39" in shown
    assert "list_0<" not in shown
    assert "and 28 more lists" in shown
    assert "2 of 42 lists done, 4,000 objects, 40 requests, 1 retry, 1:01" in shown

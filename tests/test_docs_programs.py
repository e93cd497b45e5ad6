"""The documents' programs in Python run as they are written, in order, from a folder with the demo's lake."""

from __future__ import annotations

import ast
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ingest, verify
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.keywords import keyword_names
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, landed
from tests.documents import DOCS, Block, blocks, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("readme")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    run([sys.executable, "-m", "stripe_raw_rs", "demo"], folder, "")
    return folder / "demo-lake"


@pytest.mark.parametrize("program", blocks("python"), ids=str)
def test_every_program_of_the_documents_runs(program: Block, demo: Path, tmp_path: Path) -> None:
    # A copy: the program that erases rows changes it.
    shutil.copytree(demo, tmp_path / "demo-lake")
    with StripeSimulator(objects=2_000, seed=5) as stripe:
        # The client by hand does not read the environment, so its address is changed, and nothing else.
        text = program.text.replace("from_environment())", f'from_environment(), api_base_url="{stripe.url}")')
        said = run([sys.executable, "-W", "error", "-c", text], tmp_path, stripe.url)
    assert said or "assert" in text, "a program shows something, or checks it"


def test_the_program_that_erases_leaves_a_lake_that_goes_on(tmp_path: Path) -> None:
    (program,) = [block for block in blocks("python", of=DOCS / "security.md") if ".delete(" in block.text]
    lake = tmp_path / "demo-lake"
    with StripeSimulator(counts={"charges": 12}) as stripe:
        options: dict[str, Any] = {"lake": lake, "api_key": KEY, "api_base_url": stripe.url, "entities": "charges"}
        ingest(**options).raise_for_status()
        gone = stripe.ids("charges")[0]
        stripe.delete("charges", gone)
        run([sys.executable, "-c", program.text.replace("ch_...", gone)], tmp_path, stripe.url)
        with pytest.raises(TableError, match="log of erasures"):
            verify(lake=lake).raise_for_status()
        stripe.add("charges", 1)
        ingest(**options).raise_for_status()
    rows = landed(lake, "charges").to_pylist()
    assert gone not in {row["_stripe_id"] for row in rows}
    assert len(rows) == 12


def test_the_programs_of_the_notebook_name_keywords_that_exist() -> None:
    nodes = [node for program in blocks("py") for node in ast.walk(ast.parse(program.text))]
    calls = {
        node.func.attr: node
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        if node.func.value.id == "stripe_raw_rs"
    }
    assert calls.keys() == {"ingest", "status", "verify", "latest", "register_stripe"}
    for name, call in calls.items():
        known = keyword_names({"ingest": "run"}.get(name, name))
        assert {keyword.arg for keyword in call.keywords} <= {*known}

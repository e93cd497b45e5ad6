"""The documents' programs in Python run as they are written, in order, from a folder with the demo's lake."""

from __future__ import annotations

import ast
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs.keywords import keyword_names
from stripe_raw_rs.simulator import StripeSimulator
from tests.documents import Block, blocks, run

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
    # A copy: a program may change it.
    shutil.copytree(demo, tmp_path / "demo-lake")
    with StripeSimulator(objects=2_000, seed=5) as stripe:
        # The client by hand does not read the environment, so its address is changed, and nothing else.
        text = program.text.replace("from_environment())", f'from_environment(), api_base_url="{stripe.url}")')
        said = run([sys.executable, "-W", "error", "-c", text], tmp_path, stripe.url)
    assert said or "assert" in text, "a program shows something, or checks it"


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

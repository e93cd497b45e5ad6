"""The README is short, and each guide does what it says, followed as it is written from an empty folder."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.documents import DOCS, DOCUMENTS, KINDS, README, ROOT, all_blocks, blocks, prose, run, section
from tests.readme_tables import NEEDS, with_tables

# .ci/run runs the two as they are written; the third would activate the environment in which the tests run anyway.
INSTALL = "python3 -m pip install --quiet --target .tools uv && .tools/bin/uv run "
ELSEWHERE = (".tools/bin/uv run just test", "source .venv/bin/activate", "export ")
WITH_COMMANDS = [document for document in DOCUMENTS if blocks("sh", of=document)]
# One page each: what five people want to do.
TASKS = {
    "land on a laptop": (DOCS / "laptop.md", "land-it"),
    "land on Databricks": (DOCS / "databricks.md", "land-it"),
    "audit": (DOCS / "guarantees.md", "audit-it"),
    "erase a person": (DOCS / "security.md", "erase-a-person"),
    "add a list": (DOCS / "contributing.md", "to-add-a-list"),
}
PAGE = 62


def commands(document: Path) -> list[str]:
    lines = [line for block in blocks("sh", of=document) for line in block.text.splitlines()]
    return [
        line.removeprefix(INSTALL) for line in lines if line.removeprefix(INSTALL) and not line.startswith(ELSEWHERE)
    ]


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda document: document.name)
def test_every_command_of_a_document_does_what_it_says(document: Path, tmp_path: Path) -> None:
    said: dict[str, str] = {}
    with StripeSimulator(objects=2_000, seed=5, connected_accounts=3, account_objects=100) as stripe:
        for command in commands(document):
            if "./demo-lake" in command and not (tmp_path / "demo-lake").exists():
                run(["stripe-raw", "demo"], tmp_path, "")
            if "simulate" not in command:
                said[command] = run(["bash", "-c", f"set -e; {command}"], tmp_path, stripe.url)
    for command, output in said.items():
        match command.split()[1]:
            case "status":
                assert "complete" in output
            case "verify":
                assert output.rstrip().endswith("no findings")
            case "demo":
                assert all(word in output for word in ("complete", "duckdb", "polars", "pyspark"))
            case "views":
                assert output.count("CREATE OR REPLACE VIEW") == 4


def test_the_simulator_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    (command,) = [command for document in WITH_COMMANDS for command in commands(document) if "simulate" in command]
    program, *words = shlex.split(command)
    line = [str(Path(sys.executable).with_name(program)), *words]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert "http://127.0.0.1:" in child.stdout.readline()
        child.terminate()
        child.wait(timeout=30)


def test_every_block_is_of_a_kind_that_a_test_runs_or_that_has_a_reason() -> None:
    strangers = [str(block) for block in all_blocks() if block.kind not in KINDS]
    assert not strangers, f"of no kind that tests/documents.py knows: {strangers}"
    unused = KINDS.keys() - {block.kind for block in all_blocks()}
    assert not unused
    for name in re.findall(r"tests/[\w/]+\.py", " ".join(KINDS.values())):
        assert (ROOT / name).exists(), name


def test_the_readme_is_short_and_has_the_two_commands() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert 130 <= len(lines) <= 170
    assert max(map(len, lines)) <= 120 or all(line.startswith("|") for line in lines if len(line) > 120)
    start = lines.index("## Two commands")
    chapter = "\n".join(lines[start : lines.index("## Install")])
    assert len(re.findall(r"```sh\n[^\n]+\n```", chapter)) == chapter.count("```sh") == 2


@pytest.mark.parametrize("document", DOCUMENTS[1:], ids=lambda document: document.name)
def test_a_document_first_says_what_it_is_for(document: Path) -> None:
    title, empty, first, *_ = document.read_text(encoding="utf-8").splitlines()
    assert title.startswith("# ")
    assert not empty
    assert re.match(r"This (document|guide) |This is the index ", first), first


@pytest.mark.parametrize("task", TASKS)
def test_a_task_takes_no_more_than_one_page(task: str) -> None:
    assert len(section(*TASKS[task])) <= PAGE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_the_tables_of_the_documents_follow_from_the_code(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run `just readme`"


def test_each_option_of_a_need_exists() -> None:
    reference = (DOCS / "reference.md").read_text(encoding="utf-8")
    for name in (name for names in NEEDS.values() for name in names):
        assert len(re.findall(rf"\n\| `--{name.replace('_', '-')}[` ]", reference)) == 1, name


# What the examples ask, and the words that say where it comes from.
DEMO = ("demo-lake", "stripe-raw demo")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_document_says_where_the_lake_of_its_examples_comes_from(document: Path) -> None:
    if any(DEMO[0] in block.text for block in all_blocks() if block.document == document):
        text = document.read_text(encoding="utf-8")
        assert -1 < text.find(DEMO[1]) < text.find(f'"{DEMO[0]}') % len(text), "before the first example"


def test_nothing_says_to_install_from_an_index_that_does_not_have_the_package() -> None:
    """A name that nobody owns there may become a stranger's."""
    texts = [*DOCUMENTS, *ROOT.glob("resources/*.ipynb"), *ROOT.glob("python/**/*.py"), *ROOT.glob("src/**/*.rs")]
    for path in texts:
        text = path.read_text(encoding="utf-8").replace('\\"', '"')
        named = re.findall(r"(?:install|uv add|uvx) (?:-\S+ )*['\"]?stripe[-_]raw[\w\[-]*|stripe-raw-rs\[\w*", text)
        assert not named, f"{path}: {named}"


def test_every_recipe_that_a_document_names_exists() -> None:
    recipes = (ROOT / ".justfile").read_text(encoding="utf-8")
    for name in re.findall(r"`(?:uv run )?just\s(\w[\w-]*)[^`]*`", "\n".join(map(prose, DOCUMENTS))):
        assert re.search(rf"^{name}\b.*:", recipes, flags=re.MULTILINE), name


def test_every_file_that_a_document_names_exists() -> None:
    for name in re.findall(r"`((?:src|tests|python|resources)/[\w./-]+)`", "\n".join(map(prose, DOCUMENTS))):
        assert (ROOT / name).exists(), name

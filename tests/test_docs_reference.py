"""The reference has the exit codes and the fields of JSON that the commands have."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import exceptions
from stripe_raw_rs.report import Report
from stripe_raw_rs.simulator import StripeSimulator
from tests.documents import DOCS

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (DOCS / "reference.md").read_text(encoding="utf-8")
# Each command that has a row, and what it needs.
COMMANDS = {
    "run": ("--lake", "lake", "--entities", "charges"),
    "check": ("--entities", "charges"),
    "status": ("--lake", "lake"),
    "verify": ("--lake", "lake"),
}


def names(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of each command, in the order of the table."""
    folder: Path = tmp_path_factory.mktemp("reference")
    outputs = {}
    with StripeSimulator(counts={"charges": 12}) as stripe:
        environment = {**os.environ, "STRIPE_API_KEY": "rk_test_any", "STRIPE_RAW_LOG_FORMAT": "json"}
        for command, words in {**COMMANDS, "entities": ()}.items():
            origin = ("--api-base-url", stripe.url) if command in ("run", "check") else ()
            line = [sys.executable, "-m", "stripe_raw_rs", command, *words, *origin]
            done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            outputs[command] = json.loads(done.stdout)
            for line_of_log in done.stderr.splitlines():
                assert {"time", "level", "message"} <= json.loads(line_of_log).keys()
    return outputs


@pytest.mark.parametrize("command", COMMANDS)
def test_the_reference_has_the_fields_of_json(said: dict[str, Any], command: str) -> None:
    (row,) = re.findall(rf"^\| `{command}` \| (`.*) \| (`.*) \|$", TEXT, flags=re.MULTILINE)
    assert names(row[0]) == said[command].keys()
    assert names(row[1]) == said[command]["entities"][0].keys()


def test_the_reference_has_the_fields_of_a_list(said: dict[str, Any]) -> None:
    (sentence,) = re.findall(r"`entities` prints an array of lists, each with (.*?)\.\n", TEXT, flags=re.DOTALL)
    assert names(sentence) == said["entities"][0].keys()


def test_the_reference_has_the_exit_codes_of_the_code() -> None:
    chapter = TEXT[TEXT.index("## Exit codes") : TEXT.index("## Errors")]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", chapter, flags=re.MULTILINE)}
    kinds = [kind for _, kind in inspect.getmembers(exceptions, inspect.isclass)]
    errors = [kind for kind in kinds if issubclass(kind, exceptions.StripeRawError)]
    assert codes == {0, *(error.exit_code for error in errors)}
    assert "130 counts before 1, 1 before 2, and 2 before 75" in chapter
    assert "130 interrupted, 1 failed, 2 usage, 75 held" in (inspect.getdoc(Report.exit_code) or "")

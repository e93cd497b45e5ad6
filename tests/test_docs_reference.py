"""The reference has the exit codes and the names in JSON that the commands have; its samples are what it says."""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import exceptions
from stripe_raw_rs.cli.arguments import parse
from stripe_raw_rs.options import COMMANDS as ROWS
from stripe_raw_rs.report import Report
from stripe_raw_rs.simulator import StripeSimulator
from tests import command
from tests.conftest import tamper
from tests.documents import DOCS, blocks

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.config import Config

REFERENCE = DOCS / "reference.md"
TEXT = REFERENCE.read_text(encoding="utf-8")
CHARGES = ("--entities", "charges")
# Each row of the table, and a call. One account is denied, and a row is altered before the audit.
COMMANDS = {
    "run": ("run", "./lake", *CHARGES, "--accounts", "all"),
    "plan": ("plan", "./lake", *CHARGES),
    "check": ("check", *CHARGES),
    "status": ("status", "./lake"),
    "verify": ("verify", "./lake"),
    "entities": ("entities",),
    "views": ("views", "./lake"),
    "query": ("query", "--lake", "./lake", "SELECT count(*) AS n FROM charges"),
    "any, with `--show-settings`": ("verify", "./lake", "--show-settings"),
}
FAILING = ("run", "verify")
# What has no such row, and why: `demo` and `simulate` have a sentence, and the others print text.
WITHOUT_ROW = {"demo", "simulate", "help", "completions"}


class Names(dict[str, Any]):
    """The names of an object, each with those of the objects in it."""


def names(cell: str) -> Names:
    """Read the names of a cell, with those in brackets behind a name."""
    found = inside = Names()
    above: list[Names] = []
    last = ""
    for name, bracket in re.findall(r"`(\w+)`|([\[{}\]])", cell):
        if name:
            inside[last := name] = Names()
        elif bracket in "[{":
            above.append(inside)
            inside = inside[last]
        else:
            inside = above.pop()
    return found


def names_in(value: Any) -> Names:
    """Read the names of an object of JSON; a list has those of its first item."""
    value = value[0] if isinstance(value, list) and value else value
    return Names({name: names_in(item) for name, item in value.items()} if isinstance(value, dict) else {})


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of each call, in the order of the table."""
    folder: Path = tmp_path_factory.mktemp("reference")
    outputs = {}
    formats = {"STRIPE_RAW_LOG_FORMAT": "json", "STRIPE_RAW_OUTPUT": "json"}
    with StripeSimulator(counts={"charges": 12}, connected_accounts=2, account_objects=100) as stripe:
        stripe.set_denied(["charges"], account=stripe.accounts()[0])
        for row, words in COMMANDS.items():
            if row == "verify":
                tamper(folder / "lake", "stripe_charges_raw", lambda rows: rows.slice(1))
            line = [word.replace("./lake", str(folder / "lake")) for word in words]
            done = command.call(*line, STRIPE_RAW_API_BASE_URL=stripe.url, **formats)
            assert done.returncode == (row in FAILING), done.stderr
            outputs[row] = json.loads(done.stdout)
            log = [json.loads(said) for said in done.stderr.splitlines()]
            assert all({"time", "level", "message"} <= said.keys() for said in log)
            assert row not in FAILING or log[-1]["exit_code"] == 1
    return outputs


@pytest.mark.parametrize("row", COMMANDS)
def test_the_reference_has_the_names_of_json(said: dict[str, Any], row: str) -> None:
    beside = re.escape(row if "`" in row else f"`{row}`")
    ((whole, of_each),) = re.findall(rf"^\| {beside} \| (`.*) \|(?: (`.*))? \|$", TEXT, flags=re.MULTILINE)
    output = dict(said[row])
    assert output.pop("command") == COMMANDS[row][0]
    assert names(of_each) == names_in(output.get("entities", {}))
    # The names in the rows of a query are its reader's.
    elsewhere: dict[str, list[str]] = {name: [] for name in ("entities", "rows") if name in output}
    assert names(whole) == names_in({**output, **elsewhere})


def test_every_command_has_a_row_or_a_sentence() -> None:
    assert {words[0] for words in COMMANDS.values()} | WITHOUT_ROW == ROWS.keys()
    (sentence,) = re.findall(r"^`demo` and `simulate` print an object.*?\n\n?(?=\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert names(sentence).keys() >= WITHOUT_ROW


def settings(folder: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Config:
    """The settings of a run in a folder that has the sample."""
    (sample,) = blocks("toml", of=REFERENCE)
    (folder / "stripe-raw.toml").write_text(sample.text, encoding="utf-8")
    monkeypatch.chdir(folder)
    return parse(["run"], variables.get)


def test_the_sample_of_settings_and_its_profiles_say_what_the_reference_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = settings(tmp_path, monkeypatch)
    assert whole.text("lake") == str(tmp_path / "lake")
    assert (whole.text("entities"), whole.text("page_size"), whole.flag("take_over")) == (
        "charges,refunds",
        "50",
        False,
    )
    of_eu = settings(tmp_path, monkeypatch, STRIPE_RAW_PROFILE="eu")
    assert of_eu.text("lake") == str(tmp_path / "lake-eu")
    assert of_eu.text("api_key_file") == str(tmp_path / "keys/eu")
    assert of_eu.text("page_size") == "50"
    warehouse = settings(tmp_path, monkeypatch, STRIPE_RAW_PROFILE="warehouse")
    assert (warehouse.text("lake"), warehouse.text("catalog")) == (None, "main")


def test_the_mistakes_of_a_call_are_those_of_the_sample() -> None:
    (sample,) = blocks("text mistakes", of=REFERENCE)
    done = command.call("run", "--lake", "x", "--retries", "5", STRIPE_RAW_PAGE_SIZE="x")
    assert (done.returncode, done.stderr) == (2, sample.text)


def test_the_reference_has_the_exit_codes_of_the_code() -> None:
    chapter = TEXT[TEXT.index("## Exit codes") : TEXT.index("## Errors")]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", chapter, flags=re.MULTILINE)}
    kinds = [kind for _, kind in inspect.getmembers(exceptions, inspect.isclass)]
    errors = [kind for kind in kinds if issubclass(kind, exceptions.StripeRawError)]
    assert codes == {0, *(error.exit_code for error in errors)}
    assert "130 counts before 1, 1 before 2, and 2 before 75" in chapter
    assert "130 interrupted, 1 failed, 2 usage, 75 held" in (inspect.getdoc(Report.exit_code) or "")

"""Output for people is bounded, however many accounts need a look: some are shown, and JSON has all."""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.command import call
from tests.conftest import tamper
from tests.connected import land, platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

MANY = 30
SHOWN = 20
MORE = f"and {MANY - SHOWN} more, which the JSON has"


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeSimulator]:
    with platform(MANY) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def landed(stripe: StripeSimulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each account has a run that has failed, because it met an object that does not land."""
    lake = tmp_path_factory.mktemp("odd") / "lake"
    names = stripe.accounts()
    land(lake, stripe, accounts=names).raise_for_status()
    for name in names:
        (object_,) = stripe.add("charges", account=name)
        as_it_was = stripe.raw("charges", object_, account=name)
        stripe.replace("charges", object_, as_it_was.replace(b'"object": "charge"', b'"object": "x"', 1), account=name)
    assert land(lake, stripe, accounts=names).exit_code == 1
    return lake


def test_status_shows_some_of_the_accounts_and_some_of_their_refused_objects(landed: Path) -> None:
    lines = call("status", "--lake", landed).stdout.splitlines()
    refused = [line for line in lines if ": refused: " in line]
    assert refused[SHOWN:] == [f"charges: refused: {MORE}"]
    assert all(line.startswith("charges/acct_") for line in refused[:SHOWN])
    as_json = call("status", "--lake", landed, "--output", "json").stdout
    assert sum(len(row["refused"]) for row in json.loads(as_json)["entities"]) == MANY


@pytest.fixture(scope="module")
def unfinished(stripe: StripeSimulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each account has a run that goes on with the next call."""
    lake = tmp_path_factory.mktemp("unfinished") / "lake"
    names = stripe.accounts()
    for name in names:
        stripe.set_denied(["customers"], account=name)
    assert land(lake, stripe, entities="customers", accounts=names).exit_code == 1
    for name in names:
        stripe.set_denied([], account=name)
    return lake


def test_status_and_verify_show_some_of_the_runs_that_are_not_complete(unfinished: Path) -> None:
    lake = unfinished
    lines = call("status", "--lake", lake).stdout.splitlines()
    states = [line for line in lines if line.startswith("customers/acct_") or MORE in line]
    assert (len(states), states[SHOWN]) == (SHOWN + 1, f"customers: {MORE}")
    lines = call("verify", "--lake", lake).stdout.splitlines()
    notes = [line for line in lines if line.startswith("  note: ")]
    assert (len(notes), notes[SHOWN]) == (SHOWN + 1, f"  note: {MORE}")
    as_json = call("verify", "--lake", lake, "--output", "json").stdout
    assert len(json.loads(as_json)["entities"][0]["notes"]) == MANY


def test_verify_shows_some_of_the_findings(landed: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(landed, lake)
    tamper(lake, "stripe_charges_raw", lambda rows: rows.slice(0, 0))
    lines = call("verify", "--lake", lake).stdout.splitlines()
    findings = [line for line in lines if line.startswith("  ") and not line.startswith("  note: ")]
    assert (len(findings), findings[SHOWN]) == (SHOWN + 1, f"  {MORE}")


def test_a_run_names_some_of_the_runs_that_go_on_and_of_the_accounts_that_are_named_twice(
    unfinished: Path, stripe: StripeSimulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lake = tmp_path / "lake"
    shutil.copytree(unfinished, lake)
    names = stripe.accounts()
    twice = [*names, *(f"{stripe.account}/{name}" for name in names)]
    land(lake, stripe, entities="customers", accounts=twice).raise_for_status()
    said = [record.message for record in caplog.records]
    assert sum("goes on with run" in line for line in said) == SHOWN
    assert f"customers: and {MANY - SHOWN} more" in said
    (line,) = [line for line in said if "named twice" in line]
    assert (line.count("acct_"), line.endswith(f"and {MANY - SHOWN} more")) == (SHOWN, True)

"""A lake belongs to one account, mode and server, from its first row on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from stripe_raw_rs import Client, UsageError, ingest, verify
from stripe_raw_rs.owner import default_owner
from stripe_raw_rs.progress import LogLines
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.state_store import StateStore
from tests.conftest import KEY, landed
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Attempt, Report

story = pytest.mark.story


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    return ingest(**place_of(lake), **{"api_key": KEY, "api_base_url": stripe.url, "entities": "charges", **options})


def origin_of(lake: Path) -> str:
    return DeltaTable(lake / "stripe_ingestion_checkpoints").metadata().configuration["stripe_raw.origin"]


@story
@pytest.mark.parametrize("first", ["its key was refused", "it was empty"])
def test_a_lake_without_rows_goes_to_the_account_that_lands_the_first_ones(
    lake: Path, first: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    refuses = first == "its key was refused"
    with (
        StripeSimulator(seed=1, objects=0, keys=["rk_test_other"] if refuses else None) as wrong,
        StripeSimulator(seed=2, objects=100) as right,
    ):
        assert land(lake, wrong).exit_code == int(refuses)
        assert origin_of(lake) == wrong.url
        land(lake, right).raise_for_status()
        assert origin_of(lake) == right.url
        assert caplog.text.count("the lake had no rows: it belongs to this key's account, mode and server") == 1
        assert set(landed(lake, "charges")["_stripe_id"].to_pylist()) == set(right.ids("charges"))
        verify(tables=tables_of(lake)).raise_for_status()
        with pytest.raises(UsageError, match="belongs to server"):
            land(lake, wrong)


@story
def test_a_lake_that_a_process_is_about_to_write_stays_with_its_account(lake: Path) -> None:
    with StripeSimulator(seed=1, objects=100) as theirs, StripeSimulator(seed=2, objects=100) as ours:
        client = Client(KEY, api_base_url=theirs.url)
        state = StateStore(tables_of(lake), client)
        history = state.latest_run("charges", None)
        run = client.attempt("charges", history, store_id=state.store_id, owner=default_owner())
        _, claim = next(run)
        state.append(claim)
        with pytest.raises(UsageError, match="belongs to server"):
            land(lake, ours, entities="refunds")
        next(run)
        state.append(run.failed("Internal", "it ends"))
        land(lake, ours, entities="refunds").raise_for_status()


@story
def test_a_run_whose_lake_went_to_another_account_lands_nothing(lake: Path) -> None:
    with StripeSimulator(seed=1, objects=100) as theirs, StripeSimulator(seed=2, objects=100) as ours:

        class Rival(LogLines):
            """Takes the lake when it is open already, but nothing is written yet."""

            def began(self, attempt: Attempt) -> None:
                super().began(attempt)
                land(lake, theirs, entities="refunds").raise_for_status()

        report = land(lake, ours, display=Rival())
        with pytest.raises(UsageError, match="belongs to server"):
            report.raise_for_status()
        assert landed(lake, "charges").num_rows == 0
        verify(tables=tables_of(lake)).raise_for_status()


def test_rows_that_no_event_names_count(lake: Path) -> None:
    with StripeSimulator(seed=1, objects=100) as theirs, StripeSimulator(seed=2, objects=100) as ours:
        land(lake, theirs).raise_for_status()
        moved = lake / "stripe_ingestion_checkpoints"
        StateStore(tables_of(lake), Client(KEY, api_base_url=theirs.url), "other_checkpoints")
        assert moved.exists()
        with pytest.raises(UsageError, match="belongs to server"):
            land(lake, ours, checkpoint_table="other_checkpoints")

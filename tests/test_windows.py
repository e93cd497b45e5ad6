"""The window that a run reads, and the options that set it."""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest

from stripe_raw_rs import BudgetError, TableError, UsageError, ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, assert_whole, events, landed, tamper
from tests.places import tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Report


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **{"entities": "charges", **options})
    report.raise_for_status()
    return report


def runs_of(lake: Path, entity: str = "charges") -> list[str]:
    found = landed(lake, entity, "DISTINCT _ingest_run_id").column(0).to_pylist()
    return sorted(found)


def asked(stripe: StripeSimulator) -> list[str]:
    return [path for _, path, _ in stripe.request_log() if path.startswith("/v1/charges")]


def test_the_first_run_begins_at_start_and_no_later_one_reaches_below(lake: Path, stripe: StripeSimulator) -> None:
    ids = stripe.ids("charges")
    start = stripe.created("charges", ids[300])
    assert start is not None
    expected = {one for one in ids if (stripe.created("charges", one) or 0) >= start}
    land(lake, stripe, start=start)
    assert set(landed(lake, "charges", "_stripe_id").column(0).to_pylist()) == expected
    land(lake, stripe, start=start - 1_000_000, lookback_seconds=300_000_000)
    assert set(landed(lake, "charges", "_stripe_id").column(0).to_pylist()) == expected
    verify(tables=tables_of(lake)).raise_for_status()


def test_the_next_run_looks_back_from_the_newest_object(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    newest = stripe.created("charges", stripe.ids("charges")[0])
    assert newest is not None
    land(lake, stripe, lookback_seconds=7_200)
    assert f"created%5Bgte%5D={newest - 7_200}" in asked(stripe)[-1].replace("[", "%5B").replace("]", "%5D")


def test_a_late_object_inside_the_lookback_lands(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    newest = stripe.created("charges", stripe.ids("charges")[0])
    assert newest is not None
    (late,) = stripe.add("charges", 1, created=newest - 600)
    land(lake, stripe)
    assert late in landed(lake, "charges", "_stripe_id").column(0).to_pylist()
    assert_whole(lake, stripe, "charges")


def test_from_scratch_lands_everything_again(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    land(lake, stripe, give_up="scratch")
    rows = landed(lake, "charges", "_stripe_id").column(0).to_pylist()
    assert len(rows) == 2 * len(stripe.ids("charges"))
    assert len(runs_of(lake)) == 2
    (reset,) = events(lake, "error_class = 'Reset'")
    assert reset["event_type"] == "RUN_FAILED"
    verify(tables=tables_of(lake)).raise_for_status()


def test_restart_run_gives_up_the_unfinished_run(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("status=403@charges:n4")
    report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges", commit_interval_seconds=0)
    assert report.exit_code == 1
    stripe.reset_faults()
    land(lake, stripe, give_up="restart")
    (abandoned,) = events(lake, "error_class = 'Abandoned'")
    complete = events(lake, "event_type = 'RUN_COMPLETED'")
    assert [event["run_id"] == abandoned["run_id"] for event in complete] == [False]
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_resumed_run_keeps_its_api_version(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("status=403@charges:n4")
    options: dict[str, Any] = {"entities": "charges", "commit_interval_seconds": 0}
    first = "2026-08-26.dahlia"
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, stripe_version=first, **options)
    stripe.reset_faults()
    land(lake, stripe, repeats="land")
    versions = landed(lake, "charges", "DISTINCT _ingest_run_id, _api_version").to_pylist()
    assert sorted(row["_api_version"] for row in versions) == [first, "2026-11-18.endive"]
    assert len(runs_of(lake)) == 2


def test_two_connected_accounts_share_a_lake(lake: Path, stripe: StripeSimulator) -> None:
    accounts = [None, "acct_1first", "acct_2second"]
    for _ in range(2):
        for account in accounts:
            land(lake, stripe, stripe_account=account)
    rows = landed(lake, "charges", "_stripe_account, _stripe_id").to_pylist()
    for account in accounts:
        mine = {row["_stripe_id"] for row in rows if row["_stripe_account"] == account}
        assert mine == set(stripe.ids("charges"))
    assert len(events(lake, "event_type = 'RUN_COMPLETED'")) == 2 * len(accounts)
    verify(tables=tables_of(lake)).raise_for_status()


def test_all_lists_of_the_registry_land(lake: Path) -> None:
    with StripeSimulator(objects=400, seed=11) as stripe:
        report = land(lake, stripe, entities="all")
        assert len(report.entities) == 79
        for result in report.entities:
            assert_whole(lake, stripe, result.entity)
        # Some accounts have no created, so the list has no window: each run reads it whole.
        again = land(lake, stripe, entities="all")
        unchanged = {result.entity: result.unchanged for result in again.entities}
        assert unchanged["accounts"] == len(stripe.ids("accounts"))
        assert sum(result.rows for result in again.entities) == 0
        missing = landed(lake, "accounts", "_stripe_created_at").column(0).null_count
        assert missing > 0
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_run_also_resumes_with_another_page_size(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("status=403@charges:n4")
    options: dict[str, Any] = {"entities": "charges", "commit_interval_seconds": 0}
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, page_size=100, **options)
    stripe.reset_faults()
    land(lake, stripe, page_size=7)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_start_in_the_future_is_refused(lake: Path, stripe: StripeSimulator) -> None:
    with pytest.raises(UsageError, match="future"):
        land(lake, stripe, start=int(time.time()) + 86_400)
    assert not lake.exists()


def test_run_ids_sort_by_time(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    land(lake, stripe)
    complete = events(lake, "event_type = 'RUN_COMPLETED'")
    assert [event["run_id"] for event in complete] == sorted(event["run_id"] for event in complete)
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", event["run_id"]) for event in complete)


def test_lost_rows_are_noticed_even_if_the_table_was_made_again(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    shutil.rmtree(lake / "stripe_charges_raw")
    # Another account's first run makes the table again.
    land(lake, stripe, stripe_account="acct_1other")
    with pytest.raises(TableError, match=r"are gone.*give_up=.scratch."):
        land(lake, stripe)
    land(lake, stripe, give_up="scratch")
    rows = landed(lake, "charges", "_stripe_account, _stripe_id").to_pylist()
    assert {row["_stripe_id"] for row in rows if row["_stripe_account"] is None} == set(stripe.ids("charges"))


def test_lost_rows_of_an_unfinished_run_are_noticed_as_well(lake: Path, stripe: StripeSimulator) -> None:
    with pytest.raises(BudgetError):
        land(lake, stripe, page_size=5, max_requests=5)
    assert events(lake, "event_type = 'PAGE_COMMITTED'")
    shutil.rmtree(lake / "stripe_charges_raw")
    with pytest.raises(TableError, match="are gone"):
        land(lake, stripe)
    assert not (lake / "stripe_charges_raw").exists(), "nothing was made in its place"


def test_a_run_whose_events_are_broken_can_be_given_up(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("status=403@charges:n4")
    # One page after the other, so that the third follows from the second.
    options: dict[str, Any] = {"entities": "charges", "commit_interval_seconds": 0, "max_concurrent_requests": 1}
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **options)
    stripe.reset_faults()
    tamper(
        lake,
        "stripe_ingestion_checkpoints",
        lambda found: found.filter(pc.invert(pc.fill_null(pc.equal(found["page_number"], 2), fill_value=False))),
    )
    with pytest.raises(TableError, match=r"give_up=.restart."):
        land(lake, stripe)
    land(lake, stripe, give_up="restart")
    complete = events(lake, "event_type = 'RUN_COMPLETED'")
    assert len(complete) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stripe_account": "foo"}, "is not the id of a connected account"),
        ({"checkpoint_table": "stripe_charges_raw"}, "name of a raw table"),
        ({"checkpoint_table": "STRIPE_CHARGES_RAW"}, "name of a raw table"),
        ({"checkpoint_table": "Stripe_Refunds_Raw"}, "name of a raw table"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_before_anything_is_written(
    lake: Path, stripe: StripeSimulator, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        land(lake, stripe, **options)
    assert not lake.exists()
    assert stripe.requests == 0

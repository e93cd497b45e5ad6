"""Changes in odd circumstances: odd events, ids that are used again, lakes with gaps of their own, damaged tables."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, ingest, verify, views
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, compact
from tests.oracle import assert_latest_is_the_account, latest, run_view
from tests.places import tables_of
from tests.test_changes import OLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_raw_rs import Report

HOUR, DAY = 3_600, 86_400


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    counts = {"customers": 60, "coupons": 60, "invoices": 60, "events": 0}
    with StripeSimulator(seed=3, counts=counts, frozen_clock=True, history_days=100) as simulator:
        yield simulator


def land(lake: Path, stripe: StripeSimulator, names: str = "customers", **options: Any) -> Report:
    report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **{"entities": f"events,{names}", **options})
    report.raise_for_status()
    return report


def rewrite_event(stripe: StripeSimulator, id_: str, **changes: Any) -> None:
    """Give an event another body: members of `data.object` that are None are taken out."""
    event = json.loads(stripe.raw("events", id_))
    body = {**event["data"]["object"], **changes}
    event["data"]["object"] = {name: value for name, value in body.items() if value is not None}
    stripe.replace("events", id_, json.dumps(event).encode())


@pytest.mark.parametrize("changes", ["read", "events"])
@pytest.mark.parametrize("date", [False, True])
def test_an_event_whose_object_has_no_created_takes_nothing_back(
    lake: Path, stripe: StripeSimulator, changes: str, *, date: bool
) -> None:
    """Events of invoices were written so before 2019."""
    id_ = stripe.ids("invoices")[40]
    (event,) = stripe.change("invoices", id_)
    rewrite_event(stripe, event, created=None, date=stripe.created("invoices", id_) if date else None)
    stripe.change("invoices", id_, "invoice.paid")
    # Only the older event can be seen, as if the newer one came late.
    options = {"names": "invoices", "changes": changes, "stripe_version": OLDER}
    land(lake, stripe, **options)
    stripe.advance(DAY)
    (event,) = stripe.change("invoices", id_)
    rewrite_event(stripe, event, created=None)
    stripe.advance(HOUR)
    land(lake, stripe, **options)
    if changes == "read":
        assert_latest_is_the_account(lake, stripe, ["invoices"], {})
    found = latest(lake, "invoices")
    assert (len(found), any(deleted for _, deleted in found.values())) == (60, False)


@pytest.mark.parametrize("version", [OLDER, "2026-11-18.endive"])
def test_a_deleted_object_whose_id_is_used_again_is_there(lake: Path, stripe: StripeSimulator, version: str) -> None:
    """An account chooses the ids of its coupons."""
    land(lake, stripe, "coupons", stripe_version=version)
    stripe.advance(DAY)
    old, (new,) = stripe.ids("coupons")[40], stripe.add("coupons", 1)
    stripe.delete("coupons", old)
    stripe.advance(60)
    body = json.loads(stripe.raw("coupons", new))
    # The new object has the old one's id.
    stripe.replace("coupons", new, json.dumps({**body, "id": old}).encode())
    stripe.advance(HOUR)
    land(lake, stripe, "coupons", stripe_version=version)
    text, deleted = latest(lake, "coupons")[old]
    assert (json.loads(text)["created"], deleted) == (body["created"], False)


def test_events_that_begin_at_a_date_do_not_stand_for_those_before(lake: Path, stripe: StripeSimulator) -> None:
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="customers").raise_for_status()
    stripe.change("customers", stripe.ids("customers")[40])
    stripe.delete("customers", gone := stripe.ids("customers")[50])
    start = json.loads(stripe.raw("events", stripe.ids("events")[0]))["created"] - HOUR
    stripe.advance(DAY)
    land(lake, stripe, start=start)
    assert_latest_is_the_account(lake, stripe, ["customers"], {"customers": {gone}})


def test_what_a_list_from_scratch_does_not_reach_is_not_deleted(lake: Path, stripe: StripeSimulator) -> None:
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="customers").raise_for_status()
    middle = stripe.created("customers", stripe.ids("customers")[30])
    options: dict[str, Any] = {"entities": "customers", "give_up": "scratch", "start": middle}
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **options).raise_for_status()
    land(lake, stripe)
    assert_latest_is_the_account(lake, stripe, ["customers"], {})


@pytest.mark.parametrize("give_up", ["restart", "scratch"])
def test_what_went_between_a_run_that_no_longer_counts_and_the_next_is_deleted(
    lake: Path, stripe: StripeSimulator, give_up: str
) -> None:
    options: dict[str, Any] = {"page_size": 10, "commit_interval_seconds": 0, "max_concurrent_requests": 1}
    report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="customers", max_requests=3, **options)
    assert report.exit_code == 1
    stripe.delete("customers", gone := stripe.ids("customers")[5])
    stripe.advance(6 * DAY)
    land(lake, stripe, give_up=give_up)
    assert_latest_is_the_account(lake, stripe, ["customers"], {"customers": {gone}})


def test_a_damaged_table_of_events_leaves_changes_for_later(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, stripe)
    stripe.advance(DAY)
    stripe.change("customers", stripe.ids("customers")[40])
    stripe.add("customers", 1)
    table, away = lake / "stripe_events_raw", lake.parent / "away"
    land(lake, stripe, entities="events")
    shutil.copytree(table, away)
    log = max((table / "_delta_log").glob("*.json"))
    log.write_text("{")
    report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="events,customers")
    events, customers = report.entities
    assert (events.state, customers.state, customers.rows) == ("failed", "complete", 1)
    assert "changes are not followed, because events cannot be read" in caplog.text
    shutil.rmtree(table)
    shutil.move(away, table)
    land(lake, stripe)
    assert_latest_is_the_account(lake, stripe, ["customers"], {})


def test_an_event_whose_object_cannot_be_a_row_is_read_from_the_list(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, changes="events")
    stripe.advance(DAY)
    id_ = stripe.ids("customers")[40]
    (event,) = stripe.change("customers", id_)
    rewrite_event(stripe, event, object="another")
    stripe.advance(HOUR)
    land(lake, stripe, changes="events")
    assert_latest_is_the_account(lake, stripe, ["customers"], {})


def test_the_history_has_each_state_once(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    stripe.advance(DAY)
    id_ = stripe.ids("customers")[40]
    stripe.change("customers", [id_, id_])
    stripe.advance(HOUR)
    for _ in range(2):
        land(lake, stripe, repeats="land")
    (_, statement) = views(lake=lake, entities="customers")
    found = run_view(lake, statement, "_stripe_id, _source, _event_type, _raw_json")
    mine = [(source, kind) for found_id, source, kind, _ in found if found_id == id_]
    assert mine.count(("event", "customer.updated")) == 2
    assert compact(stripe.raw("customers", id_)) in {text for found_id, _, _, text in found if found_id == id_}


def test_views_of_a_lake_of_an_earlier_layout_say_what_to_do(tmp_path: Path) -> None:
    with tarfile.open(Path(__file__).with_name("lakes") / "whole.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    lake = next(tmp_path.rglob("stripe_ingestion_checkpoints")).parent
    with pytest.raises(UsageError, match="the next run of its list gives it its columns"):
        views(lake=lake)


def test_events_that_their_owner_erased_are_no_fault_of_the_rows_from_them(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, changes="events")
    stripe.advance(DAY)
    stripe.change("customers", stripe.ids("customers")[40:50])
    stripe.advance(HOUR)
    land(lake, stripe, changes="events")
    shutil.rmtree(lake / "stripe_events_raw")
    found = verify(tables=tables_of(lake))
    assert found.findings
    assert not found["customers"].findings


def test_events_that_say_nothing_of_an_object_stop_nobody(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    stripe.advance(DAY)
    ids = stripe.ids("customers")
    odd = stripe.change("customers", ids[40:44])
    stripe.change("customers", ids[45])
    ways: list[dict[str, Any]] = [{"type": "a.type.of.tomorrow"}, {"data": {}}, {"data": 7}, {"type": 7}]
    for event, changes in zip(odd, ways, strict=True):
        body = json.loads(stripe.raw("events", event))
        stripe.replace("events", event, json.dumps({**body, **changes}).encode())
    stripe.advance(HOUR)
    report = land(lake, stripe)
    assert [(result.state, result.changed) for result in report.entities] == [("complete", 0), ("complete", 1)]
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_cursor_that_aged_out_while_the_events_were_read_ends_in_a_whole_reading(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, stripe)
    stripe.advance(DAY)
    stripe.change("customers", stripe.ids("customers")[20:50])
    stripe.delete("customers", gone := stripe.ids("customers")[55])
    options: dict[str, Any] = {"page_size": 5, "max_concurrent_requests": 1, "commit_interval_seconds": 0}
    report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="events", max_requests=3, **options)
    assert report.exit_code == 1
    stripe.advance(31 * DAY)
    land(lake, stripe, **options)
    assert "no run has read the events since" in caplog.text
    assert_latest_is_the_account(lake, stripe, ["customers"], {"customers": {gone}})

"""Later changes of objects land, where other tools lose them: the latest states are those of the account."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, events, landed
from tests.oracle import assert_latest_is_the_account
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs import Report

story = pytest.mark.story

HOUR, DAY = 3_600, 86_400
LISTS = ("charges", "customers", "invoices")
# The events of the simulator are of the newest version; under an older one their bodies are not what a list answers.
OLDER = "2026-09-30.endive"
WAYS = [("read", OLDER), ("read", "2026-11-18.endive"), ("events", OLDER)]
# One way is enough to see that both engines read the same.
ONE_WAY_ON_SPARK = [pytest.param(*way, marks=[story] if way == WAYS[0] else []) for way in WAYS]


def account(**settings: Any) -> StripeSimulator:
    counts = dict.fromkeys(LISTS, 150)
    none = dict.fromkeys(("events", "balance_transactions", "payment_intents", "refunds"), 0)
    return StripeSimulator(seed=3, counts={**counts, **none}, frozen_clock=True, history_days=200, **settings)


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with account() as simulator:
        yield simulator


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    entities = ",".join(["events", *LISTS])
    report = ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **{"entities": entities, **options})
    report.raise_for_status()
    return report


@pytest.mark.parametrize(("changes", "version"), ONE_WAY_ON_SPARK)
def test_the_latest_states_are_the_accounts_after_changes_and_deletions(
    lake: Path, stripe: StripeSimulator, changes: str, version: str
) -> None:
    options = {"changes": changes, "stripe_version": version}
    land(lake, stripe, **options)
    stripe.advance(DAY)
    changed = {name: stripe.ids(name)[3:140:13] for name in LISTS}
    for name, ids in changed.items():
        stripe.change(name, ids)
    gone = {stripe.ids("customers")[at] for at in (0, 77, 148)}
    for id_ in gone:
        stripe.delete("customers", id_)
    stripe.add("charges", 5)
    stripe.advance(HOUR)
    report = land(lake, stripe, **options)
    assert_latest_is_the_account(lake, stripe, LISTS, {"customers": gone})
    by_name = {result.entity: result for result in report.entities}
    assert by_name["customers"].changed == len({*changed["customers"], *gone})
    assert (by_name["customers"].deleted, by_name["invoices"].deleted) == (3, 0)
    assert (
        f"customers: looked at {by_name['customers'].changed} older objects that events report or that were due"
        in str(report)
    )
    stripe.advance(HOUR)
    again = land(lake, stripe, **options)
    assert [(result.rows, result.changed) for result in again.entities] == [(0, 0)] * 4


def test_events_alone_cost_the_pages_of_events(lake: Path) -> None:
    counts = {**dict.fromkeys(LISTS, 2_000), "events": 0}
    with StripeSimulator(seed=5, counts=counts, frozen_clock=True, history_days=300) as stripe:
        land(lake, stripe, changes="events")
        stripe.advance(DAY)
        chance = random.Random(5)  # noqa: S311 - a test
        for name in LISTS:
            stripe.change(name, chance.sample(stripe.ids(name), 100))
        stripe.advance(HOUR)
        report = land(lake, stripe, changes="events")
        assert sum(result.requests for result in report.entities) <= 12
        assert_latest_is_the_account(lake, stripe, LISTS, {})


def test_reading_again_costs_no_more_than_asking_for_each_object(lake: Path) -> None:
    counts = {"charges": 4_000, "events": 0}
    with StripeSimulator(seed=5, counts=counts, frozen_clock=True, history_days=300) as stripe:
        options: dict[str, Any] = {"entities": "events,charges", "stripe_version": OLDER}
        land(lake, stripe, **options)
        stripe.advance(DAY)
        # Some lie together, others alone.
        ids = stripe.ids("charges")
        changed = [*ids[500:560], *ids[600:3_900:150]]
        stripe.change("charges", changed)
        stripe.advance(HOUR)
        report = land(lake, stripe, **options)
        (charges,) = (result for result in report.entities if result.entity == "charges")
        alone = len(ids[600:3_900:150])
        assert (charges.rows, charges.requests <= alone + 4) == (len(changed), True), charges.requests


@pytest.mark.parametrize(("changes", "version"), WAYS)
def test_several_changes_in_one_second_end_with_the_last(
    lake: Path, stripe: StripeSimulator, changes: str, version: str
) -> None:
    options = {"changes": changes, "stripe_version": version}
    land(lake, stripe, **options)
    stripe.advance(DAY)
    for name in LISTS:
        for id_ in stripe.ids(name)[5:125:2]:
            stripe.change(name, [id_] * 3)
    stripe.advance(HOUR)
    land(lake, stripe, **options)
    assert_latest_is_the_account(lake, stripe, LISTS, {})


@pytest.mark.parametrize(("changes", "version"), WAYS)
@pytest.mark.parametrize("late", [15, HOUR - 60])
def test_events_that_become_visible_late_are_followed(lake: Path, changes: str, version: str, late: int) -> None:
    options = {"changes": changes, "stripe_version": version}
    with account(event_delay=late) as stripe:
        land(lake, stripe, **options)
        stripe.advance(DAY)
        for name in LISTS:
            stripe.change(name, stripe.ids(name)[5:125:2])
        gone = set(stripe.ids("customers")[126:146])
        for id_ in gone:
            stripe.delete("customers", id_)
        # Half of the events are not visible yet, and those that are have been read before the others come.
        land(lake, stripe, **options)
        stripe.advance(late // 2)
        land(lake, stripe, **options)
        stripe.advance(late)
        land(lake, stripe, **options)
        assert_latest_is_the_account(lake, stripe, LISTS, {"customers": gone})


@pytest.mark.parametrize(("changes", "version"), WAYS)
def test_after_forty_days_without_a_run_everything_lands_again_once_and_loudly(
    lake: Path, stripe: StripeSimulator, changes: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"changes": changes, "stripe_version": version}
    land(lake, stripe, **options)
    stripe.advance(DAY)
    for name in LISTS:
        stripe.change(name, stripe.ids(name)[5:125:2])
    gone = set(stripe.ids("customers")[126:146])
    for id_ in gone:
        stripe.delete("customers", id_)
    stripe.advance(40 * DAY)
    land(lake, stripe, **options)
    assert caplog.text.count("no run has read the events since") == len(LISTS)
    assert_latest_is_the_account(lake, stripe, LISTS, {"customers": gone})
    report = land(lake, stripe, **options)
    assert sum(result.rows for result in report.entities) == 0


def test_a_lake_that_was_landed_without_events_lands_once_again(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, stripe, entities=",".join(LISTS))
    stripe.change("charges", stripe.ids("charges")[100])
    stripe.delete("customers", gone := stripe.ids("customers")[50])
    stripe.advance(DAY)
    report = land(lake, stripe)
    assert caplog.text.count("changes of objects that landed earlier were not followed") == len(LISTS)
    assert [result.rows for result in report.entities[1:]] == [150, 150, 150], "149 and the one that is gone"
    assert_latest_is_the_account(lake, stripe, LISTS, {"customers": {gone}})


def test_changes_no_leaves_them(lake: Path, stripe: StripeSimulator) -> None:
    for _ in range(2):
        land(lake, stripe, changes="no")
        stripe.advance(DAY)
        stripe.change("charges", stripe.ids("charges")[100])
    assert len(landed(lake, "charges")) == 150
    assert not events(lake, "source_to IS NOT NULL AND entity <> 'events'")


def test_without_the_permission_for_events_the_lists_go_on_without_changes(lake: Path) -> None:
    with account(denied=["events"]) as stripe:
        for rows in (150, 0):
            report = ingest(
                **place_of(lake), api_key=KEY, api_base_url=stripe.url, entities=",".join(["events", *LISTS])
            )
            first, *others = report.entities
            assert (first.state, "rak_event_read" in (first.message or "")) == ("failed", True)
            assert [(result.state, result.rows) for result in others] == [("complete", rows)] * 3
            stripe.change("charges", stripe.ids("charges")[100])


@story
def test_a_balance_transaction_is_read_again_when_it_becomes_available(lake: Path) -> None:
    with StripeSimulator(seed=5, counts={"balance_transactions": 200}, history_days=100) as stripe:
        ids = stripe.ids("balance_transactions")

        def become(id_: str, status: str, seconds: int) -> None:
            body = json.loads(stripe.raw("balance_transactions", id_))
            body.update(status=status, available_on=int(time.time()) + seconds)
            stripe.replace("balance_transactions", id_, json.dumps(body).encode())

        def run() -> tuple[int, int]:
            (result,) = land(lake, stripe, entities="balance_transactions").entities
            return result.rows, result.requests

        pending = ids[20:120:20]
        for id_ in ids:
            become(id_, "pending" if id_ in pending else "available", -60 if id_ in pending[1:] else DAY)
        run()
        for id_ in pending[2:]:
            become(id_, "available", -60)
        rows, requests = run()
        assert (rows, requests <= len(pending)) == (len(pending) - 2, True)
        become(pending[1], "available", -60)
        become(pending[0], "available", DAY)
        assert run()[0] == 1, "Stripe was late with one of them, and the other was not due"
        assert run() == (0, 1)
    verify(tables=tables_of(lake)).raise_for_status()

"""Calls that read many accounts: each account's objects land once, and accounts without news are not asked for them."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.conftest import events, tamper
from tests.connected import EACH, OWN, asked, assert_each_once, assert_latest, land, landed_of, platform, states

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs import Report
    from stripe_raw_rs.simulator import StripeSimulator

WITH_EVENTS = "charges,events"
DAY = 86_400
MANY = 50


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform(frozen_clock=True) as simulator:
        yield simulator


def counts(report: Report, name: str = "charges") -> tuple[int, int, int]:
    (result,) = [each for each in report.entities if each.entity == name]
    return result.accounts.accounts, result.accounts.complete, result.accounts.without_news


def settled(lake: Path, stripe: StripeSimulator, **options: Any) -> int:
    """Land everything until nothing is new, and give the number of the last request."""
    for _ in range(2):
        land(lake, stripe, entities=WITH_EVENTS, **options).raise_for_status()
    return stripe.requests


@pytest.mark.parametrize("changes", ["read", "events"])
def test_new_changed_and_deleted_objects_land_once_over_many_calls(lake: Path, changes: str) -> None:
    names = ("charges", "customers")
    settings = dict.fromkeys(names, EACH)
    with platform(12, account_counts=settings, counts=settings) as stripe:
        accounts: list[str | None] = [None, *stripe.accounts()]
        before: dict[str, list[Any]] = {name: [] for name in names}

        def call() -> None:
            options: dict[str, Any] = {"entities": "charges,customers,events", "changes": changes}
            land(lake, stripe, **options).raise_for_status()
            for name in names:
                assert_each_once(lake, stripe, accounts, *before[name], name=name)
                assert_latest(lake, stripe, accounts, name)
                before[name].append(states(stripe, accounts, name))

        call()
        for number in range(4):
            stripe.advance(3 * DAY)
            for account in accounts[number::3]:
                stripe.add("charges", 2 + number, account=account)
                stripe.change("charges", stripe.ids("charges", account=account)[3 : 5 + number], account=account)
            for account in accounts[number::5]:
                stripe.delete("customers", stripe.ids("customers", account=account)[number], account=account)
            call()
        stripe.advance(3 * DAY)
        call()


def test_a_lake_of_one_account_goes_on_with_fifty_and_then_with_one(
    lake: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with platform(MANY) as stripe:
        accounts = stripe.accounts()
        one = accounts[17]

        def grow() -> list[dict[Any, Any]]:
            now = states(stripe, accounts)
            stripe.advance(DAY)
            for account in (one, accounts[0], accounts[30]):
                stripe.add("charges", 3, account=account)
                stripe.change("charges", stripe.ids("charges", account=account)[5], account=account)
            return [now]

        given: dict[str, Any] = {"entities": WITH_EVENTS}
        land(lake, stripe, accounts=None, stripe_account=one, **given).raise_for_status()
        assert_each_once(lake, stripe, [one])
        before = grow()
        report = land(lake, stripe, accounts=accounts, **given)
        report.raise_for_status()
        assert counts(report) == (MANY, MANY, 0)
        assert_each_once(lake, stripe, accounts, *before)
        before += grow()
        # Of the others nothing is read, and nothing of theirs is lost.
        since = stripe.requests
        land(lake, stripe, accounts=None, stripe_account=one, **given).raise_for_status()
        assert set(asked(stripe, since)["charges"]) == {one}
        assert len(landed_of(lake)) == MANY
        land(lake, stripe, **given).raise_for_status()
        assert_each_once(lake, stripe, [None, *accounts], *before)
        assert_latest(lake, stripe, [None, *accounts])
    assert f"charges: {MANY} of {MANY} accounts complete, " in caplog.text


def test_many_accounts_are_few_commits(lake: Path) -> None:
    with platform(MANY) as stripe:
        land(lake, stripe).raise_for_status()
    commits = {(event["epoch"], event["sequence"]) for event in events(lake)}
    begun = events(lake, "event_type = 'RUN_STARTED'")
    assert (len(begun), len({event["run_id"] for event in begun})) == (MANY + 1, MANY + 1)
    assert {event["epoch"] for event in begun} == {1}
    assert len(commits) <= 4, "one commit has the events of many accounts"


def test_accounts_without_news_are_asked_for_their_events_alone(lake: Path, stripe: StripeSimulator) -> None:
    accounts = stripe.accounts()
    since = settled(lake, stripe)
    stripe.advance(DAY)
    report = land(lake, stripe, entities=WITH_EVENTS)
    assert counts(report) == (5, 5, 5)
    found = asked(stripe, since)
    assert "charges" not in found
    assert found["events"] == dict.fromkeys([stripe.account, *accounts], 1)
    assert "charges: 5 of 5 accounts complete, 5 of them without news" in str(report)
    before = states(stripe, [None, *accounts])
    stripe.add("charges", account=accounts[1])
    stripe.change("charges", stripe.ids("charges", account=accounts[2])[0], account=accounts[2])
    stripe.change("charges", stripe.ids("charges")[0])
    stripe.advance(DAY)
    since = stripe.requests
    report = land(lake, stripe, entities=WITH_EVENTS)
    assert counts(report) == (5, 5, 2)
    assert set(asked(stripe, since)["charges"]) == {stripe.account, *accounts[1:3]}
    assert_each_once(lake, stripe, [None, *accounts], before)
    assert_latest(lake, stripe, [None, *accounts])


def test_all_accounts_are_asked_once_in_whole_every_days(lake: Path, stripe: StripeSimulator) -> None:
    def lists_asked(**options: Any) -> int:
        since = stripe.requests
        land(lake, stripe, entities=WITH_EVENTS, **options).raise_for_status()
        return len(asked(stripe, since).get("charges", ()))

    def age(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index("event_at")
        return rows.set_column(at, rows.schema.field(at), pc.subtract(rows["event_at"], timedelta(days=6)))

    settled(lake, stripe)
    assert lists_asked(whole_every_days=0) == 5
    assert lists_asked() == 0
    tamper(lake, "stripe_ingestion_checkpoints", age)
    assert lists_asked() == 0
    assert lists_asked(whole_every_days=5) == 5
    assert lists_asked(whole_every_days=5) == 0
    assert_each_once(lake, stripe, [None, *stripe.accounts()])


@pytest.mark.parametrize("how", ["denied", "revoked", "500"])
def test_an_account_whose_events_fail_is_asked_for_its_lists(lake: Path, stripe: StripeSimulator, how: str) -> None:
    accounts = stripe.accounts()
    failing = accounts[1]
    since = settled(lake, stripe)
    before = states(stripe, accounts)
    stripe.add("charges", account=failing)
    if how == "denied":
        stripe.set_denied(["events"], account=failing)
    elif how == "revoked":
        stripe.revoke(failing)
    else:
        stripe.set_faults("status=500@events:n1+")
    since = stripe.requests
    report = land(lake, stripe, entities=WITH_EVENTS, accounts=accounts)
    assert report.exit_code == 1
    expected = {*accounts} if how == "500" else {failing}
    assert set(asked(stripe, since)["charges"]) == expected
    stripe.reset_faults()
    stripe.set_denied([], account=failing)
    stripe.restore(failing)
    for _ in range(2):
        land(lake, stripe, entities=WITH_EVENTS).raise_for_status()
    assert_each_once(lake, stripe, [None, *accounts], before)


@pytest.mark.parametrize(
    ("entities", "options"),
    [
        ("charges", {}),
        (WITH_EVENTS, {"changes": "no"}),
        (WITH_EVENTS, {"relist_days": 1}),
        ("balance_transactions,events", {}),
    ],
    ids=["no events", "changes are not followed", "the last day is listed again", "no events report it"],
)
def test_without_events_that_say_so_every_account_is_asked(lake: Path, entities: str, options: dict[str, Any]) -> None:
    name = entities.partition(",")[0]
    with platform(account_counts={name: EACH}, counts={name: OWN}) as stripe:
        for _ in range(3):
            since = stripe.requests
            report = land(lake, stripe, entities=entities, **options)
            report.raise_for_status()
            assert counts(report, name) == (5, 5, 0)
            assert len(asked(stripe, since)[name]) == 5
        assert_each_once(lake, stripe, [None, *stripe.accounts()], name=name)

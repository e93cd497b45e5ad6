"""First runs of many accounts that Spark's executors read: each object lands once, whatever goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import verify
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.state_store import StateStore
from tests.conftest import events
from tests.connected import (
    EACH,
    OWN,
    asked,
    assert_all_landed,
    assert_each_once,
    expected_of,
    land,
    landed_of,
    platform,
)
from tests.places import tables_of
from tests.spark.schemas import waiting_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

# The other lanes have some of them: they are slow.
pytestmark = pytest.mark.spark40

ACCOUNTS = 5
STARTED, PAGE = "RUN_STARTED", "PAGE_COMMITTED"
SPREAD: dict[str, Any] = {"distributed": True, "distributed_tasks": 2}


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform(ACCOUNTS) as simulator:
        yield simulator


@pytest.mark.spark41
@pytest.mark.connect40
def test_first_runs_of_all_accounts_land_each_object_once_in_few_commits(
    lake: Path, stripe: StripeSimulator, spark: SparkSession
) -> None:
    report = land(lake, stripe, **SPREAD)
    report.raise_for_status()
    (result,) = report.entities
    assert (result.rows, result.accounts.complete) == (OWN + ACCOUNTS * EACH, ACCOUNTS + 1)
    assert_all_landed(lake, stripe)
    assert waiting_tables(spark, lake) == []
    found = events(lake)
    assert {event["sequence"] for event in found} == {0, 2}
    # A claim holds the list for some minutes, so it is made when it is committed, and not when the pages were read.
    made = {what: [each["event_at"] for each in found if each["event_type"] == what] for what in (STARTED, PAGE)}
    assert min(made[STARTED]) > max(made[PAGE])
    assert len({event["event_id"] for event in found}) == len(found)
    # A second call finds nothing new, and every list is asked by one process.
    since = stripe.requests
    (again,) = land(lake, stripe, **SPREAD).entities
    assert (again.rows, again.error) == (0, None)
    assert asked(stripe, since)["charges"].total() == ACCOUNTS + 1


def test_accounts_that_came_later_land_beside_what_is_new_in_those_before(lake: Path, stripe: StripeSimulator) -> None:
    known = stripe.accounts()[:2]
    land(lake, stripe, accounts=known).raise_for_status()
    stripe.add("charges", 3, account=known[0])
    land(lake, stripe, **SPREAD).raise_for_status()
    everyone = [None, *stripe.accounts()]
    assert landed_of(lake) == {**expected_of(everyone), known[0]: EACH + 3}
    assert_each_once(lake, stripe, everyone)


def test_pages_and_groups_of_a_run_are_numbered_through_and_objects_without_rows_are_named(lake: Path) -> None:
    with StripeSimulator(
        connected_accounts=3, account_counts={"charges": 25}, counts={"charges": 0}, frozen_clock=True, seed=3
    ) as stripe:
        one, *_ = stripe.accounts()
        odd = stripe.ids("charges", account=one)[7]
        stripe.replace("charges", odd, b'{"id": 7, "object": "charge"}', account=one)
        report = land(lake, stripe, page_size=5, commit_interval_seconds=0, **SPREAD)
        (result,) = report.entities
        assert result.rows == 3 * 25 - 1
        found = events(lake)
        assert len({event["event_id"] for event in found}) == len(found)
        assert {event["event_type"]: event["sequence"] for event in found if event["sequence"] == 1} == {
            "OBJECT_REFUSED": 1
        }
    assert not verify(tables=tables_of(lake)).findings


def test_an_account_that_fails_is_named_and_the_others_land(lake: Path, stripe: StripeSimulator) -> None:
    one, *others = stripe.accounts()
    stripe.set_denied(["charges"], account=one)
    (result,) = land(lake, stripe, **SPREAD).entities
    assert [failure.stripe_account for failure in result.accounts.failed] == [one]
    assert landed_of(lake) == expected_of([None, *others])
    # What is wrong is said by the attempt of this process.
    assert {event["epoch"] for event in events(lake, "event_type = 'RUN_FAILED'")} == {2}
    stripe.set_denied([], account=one)
    land(lake, stripe, **SPREAD).raise_for_status()
    assert_all_landed(lake, stripe)


def test_a_call_that_steps_back_leaves_what_waits_to_the_process_that_has_the_list(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ends: list[int] = []
    at_commit(
        "before append_waiting", monkeypatch, lambda: ends.append(land(lake, stripe, owner="rival", **SPREAD).exit_code)
    )
    land(lake, stripe, owner="first", **SPREAD).raise_for_status()
    assert ends == [75]
    assert "executors could not do it" not in caplog.text
    assert {event["epoch"] for event in events(lake)} == {1}
    assert_all_landed(lake, stripe)


class Stopped(BaseException):
    """The process ends here, as far as the tables can know."""


def at_commit(where: str, patch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let something happen before or after one of the commits of the next wave."""
    when, name = where.split()
    owner: type = RawWriter if name == "append_waiting" else StateStore
    method = "append_waiting" if owner is RawWriter else "append"
    original: Callable[..., None] = getattr(owner, method)
    counted = {"claims": 1, "refusals": 2, "pages": 3, "append_waiting": 1}[name]
    calls = 0

    def stepped(self: object, *given: object) -> None:
        nonlocal calls
        calls += 1
        is_here = calls == counted
        if is_here and when == "before":
            act()
        original(self, *given)
        if is_here and when == "after":
            act()

    patch.setattr(owner, method, stepped)


def stop() -> None:
    raise Stopped


@pytest.mark.parametrize(
    "where",
    ["before claims", "after claims", "before append_waiting", "after append_waiting", "before pages", "after pages"],
)
def test_a_call_that_ends_at_any_commit_of_a_wave_loses_nothing_and_doubles_nothing(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with monkeypatch.context() as patch:
        at_commit(where, patch, stop)
        assert land(lake, stripe, owner="job", **SPREAD).exit_code == 1
    land(lake, stripe, owner="job", **SPREAD).raise_for_status()
    assert_all_landed(lake, stripe)


@pytest.mark.parametrize("where", ["before claims", "before append_waiting", "before pages"])
def test_a_process_that_was_taken_over_in_a_wave_lands_nothing_more(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    # The rival is another process: it takes its own steps.
    at_commit(where, monkeypatch, lambda: land(lake, stripe, owner="rival", take_over=True).raise_for_status())
    late = land(lake, stripe, owner="zombie", **SPREAD)
    assert late.exit_code == 75
    assert "rival has completed run" in str(late["charges"].message)
    monkeypatch.undo()
    assert_all_landed(lake, stripe)

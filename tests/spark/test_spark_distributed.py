"""First runs of many accounts that Spark's executors read: each object lands once, whatever goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, ingest, verify
from tests.conftest import KEY, events, landed
from tests.connected import EACH, OWN, asked, assert_each_once, land, landed_of, platform, states
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

pytestmark = [pytest.mark.spark40, pytest.mark.spark41, pytest.mark.connect40]

ACCOUNTS = 9
SPREAD: dict[str, Any] = {"distributed": True, "distributed_tasks": 2}


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform(ACCOUNTS) as simulator:
        yield simulator


def test_first_runs_of_all_accounts_land_each_object_once_in_few_commits(lake: Path, stripe: StripeSimulator) -> None:
    before = states(stripe, [None, *stripe.accounts()])
    report = land(lake, stripe, **SPREAD)
    report.raise_for_status()
    (result,) = report.entities
    assert (result.rows, result.accounts.complete) == (OWN + ACCOUNTS * EACH, ACCOUNTS + 1)
    assert landed_of(lake) == {None: OWN, **dict.fromkeys(stripe.accounts(), EACH)}
    assert_each_once(lake, stripe, [None, *stripe.accounts()], before)
    found = events(lake)
    assert {event["sequence"] for event in found} == {0, 2}
    assert len({event["event_id"] for event in found}) == len(found)
    # A second call finds nothing new, and every list is asked by one process.
    since = stripe.requests
    again = land(lake, stripe, **SPREAD)
    again.raise_for_status()
    assert [result.rows for result in again.entities] == [0]
    assert asked(stripe, since)["charges"].total() == ACCOUNTS + 1

"""`kill -9` ends a call while executors read for it, and two calls read the same lists at once: nothing gets lost."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.children import Child, wait_for
from tests.conftest import events
from tests.connected import assert_all_landed, land, landed_of, platform
from tests.places import schema_folder
from tests.spark.schemas import adopt, waiting_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from stripe_raw_rs.simulator import StripeSimulator

# A child starts a session and a catalog of its own, but on Connect, where all share the server's. Two calls that make
# the same tables need one catalog.
pytestmark = [pytest.mark.kill, pytest.mark.timeout(900)]

ACCOUNTS = 8
FEWER = 5
# A task asks about 20 times, for some seconds.
SPREAD: dict[str, Any] = {
    "distributed": True,
    "distributed_tasks": 2,
    "entities": "charges",
    "page_size": 2,
    "max_concurrent_requests": 2,
}


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform(ACCOUNTS, latency_ms=200) as simulator:
        yield simulator


@pytest.fixture
def lake(warehouse: Path, spark: SparkSession, request: pytest.FixtureRequest) -> Path:
    """A folder that is in the catalogs of this process and of its children."""
    lake = schema_folder(warehouse, f"spread_{abs(hash(request.node.name))}")
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS spark_catalog.{lake.stem}")
    return lake


def fewer(stripe: StripeSimulator) -> list[str]:
    return stripe.accounts()[:FEWER]


def assert_the_next_calls_land_all(lake: Path, stripe: StripeSimulator, spark: SparkSession, left: list[str]) -> None:
    """The first has the accounts of the call that was killed; the second has more, and so it reads first runs, too."""
    assert len(left) == 1, "what waits when a process is killed stays"
    land(lake, stripe, owner="job", **{**SPREAD, "accounts": fewer(stripe)}).raise_for_status()
    assert_all_landed(lake, stripe, [*fewer(stripe)])
    land(lake, stripe, owner="job", **SPREAD).raise_for_status()
    assert_all_landed(lake, stripe, [None, *stripe.accounts()])
    assert waiting_tables(spark, lake) == []


@pytest.mark.spark40
@pytest.mark.connect40
def test_a_call_that_is_killed_while_executors_read_for_it_is_made_again(
    lake: Path, stripe: StripeSimulator, spark: SparkSession
) -> None:
    with Child(lake, stripe, owner="job", **{**SPREAD, "accounts": fewer(stripe)}) as child:
        wait_for(lambda: stripe.requests >= 12 or not child.lives(), 120)
        os.kill(child.pid, signal.SIGKILL)
        assert child.ended() == -signal.SIGKILL
    adopt(spark, lake)
    assert events(lake) == []
    # Nobody has claimed anything: the next attempt has the same number, and another process may be at it.
    assert_the_next_calls_land_all(lake, stripe, spark, waiting_tables(spark, lake))


@pytest.mark.spark40
def test_a_call_that_is_killed_between_its_claims_and_its_rows_goes_on(
    lake: Path, stripe: StripeSimulator, spark: SparkSession
) -> None:
    step = "before append stripe_charges_raw"
    with Child(lake, stripe, step, owner="job", **{**SPREAD, "accounts": fewer(stripe)}) as child:
        assert child.ended() == -signal.SIGKILL
    adopt(spark, lake)
    begun = events(lake)
    assert [event["event_type"] for event in begun] == ["RUN_STARTED"] * FEWER
    assert landed_of(lake) == {}
    left = waiting_tables(spark, lake)
    assert_the_next_calls_land_all(lake, stripe, spark, left)
    # A run that has begun goes on under its own name.
    assert {event["run_id"] for event in begun} <= {
        event["run_id"] for event in events(lake, "event_type = 'RUN_COMPLETED'")
    }


@pytest.mark.connect40
def test_of_two_calls_at_once_one_lands_and_the_other_steps_back_or_goes_on_after_it(
    lake: Path, stripe: StripeSimulator, spark: SparkSession
) -> None:
    with ExitStack() as both:
        children = [both.enter_context(Child(lake, stripe, accounts="all", **SPREAD)) for _ in range(2)]
        ends = sorted(child.ended() for child in children)
        said = [child.said for child in children]
    print(ends, said)  # noqa: T201 - which way it went
    assert ends in ([0, 0], [0, 75]), said
    adopt(spark, lake)
    assert waiting_tables(spark, lake) == []
    assert_all_landed(lake, stripe, [None, *stripe.accounts()])


@pytest.mark.connect40
def test_of_two_calls_that_have_read_the_same_lists_only_one_lands_them(
    lake: Path, stripe: StripeSimulator, spark: SparkSession
) -> None:
    claims = "before append stripe_ingestion_checkpoints"
    with Child(lake, stripe, claims, "SIGSTOP", accounts="all", **SPREAD) as late:
        assert late.stands_still()
        with Child(lake, stripe, accounts="all", **SPREAD) as first:
            assert first.ended() == 0, first.said
        landed = landed_of(lake)
        late.go_on()
        assert late.ended() == 75, late.said
        assert landed_of(lake) == landed
    adopt(spark, lake)
    assert waiting_tables(spark, lake) == []
    assert_all_landed(lake, stripe, [None, *stripe.accounts()])

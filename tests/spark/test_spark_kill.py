"""`kill -9` ends a process that writes with Spark: the next one loses nothing and doubles nothing.

On Spark Connect a process dies and its server lives on, as on Databricks. There every step is tried, and every second
one of lists of single objects, counted in a run that nobody kills. A classic session dies with its process and takes
long to start, so each such lane is killed at the points around the two appends: within each, and between them.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child, steps_of, wait_for
from tests.conftest import KEY, events
from tests.connected import assert_each_once, platform
from tests.oracle import assert_lists_are_the_accounts
from tests.places import place_of, schema_folder
from tests.spark.schemas import adopt
from tests.truth import assert_true

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from stripe_raw_rs import Report

# A child starts a session of its own, and machines are busy.
pytestmark = [pytest.mark.kill, pytest.mark.timeout(1_800)]

OPTIONS: dict[str, Any] = {
    "entities": "charges",
    "page_size": 5,
    "max_concurrent_requests": 1,  # the steps are the same each time
    "commit_interval_seconds": 0,
    "lookback_seconds": 0,
}
# Few commits: each has the pages of many accounts.
OF_ACCOUNTS: dict[str, Any] = {**OPTIONS, "page_size": 100, "commit_interval_seconds": 3_600}
# As many requests at once as there are parts.
IN_PARTS: dict[str, Any] = {**OPTIONS, "max_concurrent_requests": 8}
# Steps of a first run: four for creating the tables, two for RUN_STARTED, two for the fence, then two for each append.
BEFORE_ROWS, AFTER_ROWS, BEFORE_EVENTS, AFTER_EVENTS = 9, 10, 11, 12
# The middle of an append, which takes about a second. If the kill misses it, it hits one of the other points.
WITHIN = 0.4
# The second append of rows in a first call of many accounts: one account has landed, and the others have joined.
BEFORE_ROWS_OF_ACCOUNTS = 11
# So the first page is committed before the next ones come, however busy the machine is: else there are fewer steps.
LATENCY = 200
# After the rows of one account, after its events, which the others join, and after the rows of the others.
OF_ACCOUNTS_KILLED = (8, 10, 12)
POINTS = [(BEFORE_ROWS, WITHIN), (AFTER_ROWS, 0), (BEFORE_EVENTS, WITHIN)]
# Those beside them, and every step where others are left out: `EVERY_CRASH_POINT=1 just test-spark LANE -m kill`.
EVERY = "EVERY_CRASH_POINT" in os.environ
if EVERY:
    POINTS += [(BEFORE_ROWS, 0), (BEFORE_EVENTS, 0), (AFTER_EVENTS, 0)]


@contextmanager
def account() -> Iterator[StripeSimulator]:
    """Nine charges in two pages; the cut between them goes through a second."""
    with StripeSimulator(seed=11, counts={"charges": 6}) as stripe:
        stripe.add("charges", 3, created=stripe.created("charges", stripe.ids("charges")[3]))
        yield stripe


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    return ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **{**OPTIONS, **options})


def runs(lake: Path) -> int:
    return len({event["run_id"] for event in events(lake, "entity = 'charges'")})


def heal_accounts(lake: Path, stripe: StripeSimulator, names: list[str]) -> None:
    """A clean call of all accounts; then everything of each must be there, once."""
    land(lake, stripe, **OF_ACCOUNTS, accounts=names).raise_for_status()
    assert_each_once(lake, stripe, names)


def heal(lake: Path, stripe: StripeSimulator, **options: Any) -> None:
    """A clean run in this process; then everything must be there, once."""
    land(lake, stripe, **options).raise_for_status()
    assert_true(lake, stripe, "charges")
    assert runs(lake) <= 2, "the run that was killed goes on, then a new window follows"


@pytest.mark.spark35
@pytest.mark.spark40
@pytest.mark.spark41
def test_a_kill_around_the_two_appends_neither_loses_nor_doubles_an_object(
    spark: SparkSession, warehouse: Path
) -> None:
    with account() as stripe, ThreadPoolExecutor(2) as two:

        def kill(number: int) -> Path:
            step, delay = POINTS[number]
            lake = schema_folder(warehouse, f"killed_{number}")
            with Child(lake, stripe, step, "SIGKILL", delay=delay, **OPTIONS) as child:
                assert child.ended() == -signal.SIGKILL
            return lake

        lakes = list(two.map(kill, range(len(POINTS))))
        for lake in lakes:
            adopt(spark, lake)
        list(two.map(lambda lake: heal(lake, stripe), lakes))


@pytest.mark.connect40
def test_a_kill_at_any_step_neither_loses_nor_doubles_an_object(spark: SparkSession, warehouse: Path) -> None:
    assert spark
    with account() as stripe, ThreadPoolExecutor(2) as two:
        steps = steps_of(schema_folder(warehouse, "counted"), stripe, **OPTIONS)
        print(f"{len(steps)} steps: {steps}")  # noqa: T201 - how many were tried

        def kill(step: int) -> None:
            lake = schema_folder(warehouse, f"killed_{step}")
            with Child(lake, stripe, step, "SIGKILL", **OPTIONS) as child:
                assert child.ended() == -signal.SIGKILL
            heal(lake, stripe)

        list(two.map(kill, range(1, len(steps) + 1)))


@pytest.mark.connect40
def test_a_kill_at_any_step_of_many_accounts_neither_loses_nor_doubles_an_object(
    spark: SparkSession, warehouse: Path
) -> None:
    assert spark
    with platform(6, latency_ms=LATENCY) as stripe, ThreadPoolExecutor(2) as two:
        names = stripe.accounts()
        options = {**OF_ACCOUNTS, "accounts": names}
        steps = range(BEFORE_ROWS_OF_ACCOUNTS - 6, BEFORE_ROWS_OF_ACCOUNTS + 4) if EVERY else OF_ACCOUNTS_KILLED

        def kill(step: int) -> Path:
            lake = schema_folder(warehouse, f"accounts_killed_{step}")
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                assert child.ended() == -signal.SIGKILL
            return lake

        # The call meets an account that fails; it is back when the next call heals the lake.
        stripe.revoke(names[2])
        lakes = list(two.map(kill, steps))
        stripe.restore(names[2])
        list(two.map(lambda lake: heal_accounts(lake, stripe, names), lakes))


@pytest.mark.spark40
def test_a_kill_around_the_rows_of_many_accounts_neither_loses_nor_doubles_an_object(
    spark: SparkSession, warehouse: Path
) -> None:
    with platform(6, latency_ms=LATENCY) as stripe, ThreadPoolExecutor(2) as two:
        names = stripe.accounts()

        def kill(point: tuple[int, float]) -> Path:
            step, delay = point
            lake = schema_folder(warehouse, f"accounts_killed_{step}")
            with Child(lake, stripe, step, "SIGKILL", delay=delay, **OF_ACCOUNTS, accounts=names) as child:
                assert child.ended() == -signal.SIGKILL
            return lake

        lakes = list(two.map(kill, [(BEFORE_ROWS_OF_ACCOUNTS, WITHIN), (BEFORE_ROWS_OF_ACCOUNTS + 1, 0)]))
        for lake in lakes:
            adopt(spark, lake)
        list(two.map(lambda lake: heal_accounts(lake, stripe, names), lakes))


@pytest.mark.connect40
def test_a_kill_at_any_step_of_lists_of_single_objects_leaves_each_whole(spark: SparkSession, warehouse: Path) -> None:
    assert spark
    options = {**OPTIONS, "entities": "invoices", "page_size": 100, "commit_interval_seconds": 3_600}
    with StripeSimulator(seed=5, counts={"invoices": 8}, sublist_items=80) as stripe, ThreadPoolExecutor(2) as two:
        steps = steps_of(schema_folder(warehouse, "lists_counted"), stripe, **options)
        # Those before it are tried elsewhere.
        first = 1 + steps.index("before create stripe_invoices_lines_raw")
        print(f"steps {first} to {len(steps)}: {steps}")  # noqa: T201 - how many were tried

        def kill(step: int) -> None:
            lake = schema_folder(warehouse, f"lists_killed_{step}")
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                assert child.ended() == -signal.SIGKILL
            land(lake, stripe, **options).raise_for_status()
            assert_lists_are_the_accounts(lake, stripe, ["invoices_lines"])

        list(two.map(kill, range(first, len(steps) + 1, 1 if EVERY else 2)))


@pytest.mark.connect40
def test_a_kill_at_any_request_of_a_list_read_in_parts_neither_loses_nor_doubles_an_object(
    spark: SparkSession, warehouse: Path
) -> None:
    """Each request in turn gets no answer, so the process waits for it; the other parts go on meanwhile."""
    assert spark

    def read(lake: Path, number: int) -> int:
        with StripeSimulator(
            seed=11, counts={"charges": 60}, latency_ms=10, faults=f"hang@charges:n{number}"
        ) as stripe:
            with Child(lake, stripe, by="SIGKILL", **IN_PARTS) as child:
                wait_for(lambda: stripe.entity_requests("charges") >= number or not child.lives(), 120)
                os.kill(child.pid, signal.SIGKILL)
                assert child.ended() == -signal.SIGKILL
            asked = stripe.entity_requests("charges")
            stripe.reset_faults()
            # Each commit takes a second here, so the healing run gathers its pages.
            heal(lake, stripe, **{**IN_PARTS, "commit_interval_seconds": 10})
        return asked

    numbers = range(1, 15, 1 if "EVERY_CRASH_POINT" in os.environ else 4)
    with ThreadPoolExecutor(2) as two:
        asked = list(two.map(lambda number: read(schema_folder(warehouse, f"request_{number}"), number), numbers))
    print(f"requests when it was killed: {asked}")  # noqa: T201 - how many were tried
    assert asked[-1] >= 13, "the list takes that many"


@pytest.mark.connect40
def test_a_process_that_is_taken_over_between_its_two_appends_commits_nothing_more(
    spark: SparkSession, lake: Path
) -> None:
    assert spark
    with account() as stripe, Child(lake, stripe, AFTER_ROWS, "SIGSTOP", **OPTIONS) as child:
        assert child.stands_still()
        held = land(lake, stripe)
        assert held.exit_code == 75
        assert f"/{child.pid} holds run" in str(held.entities[0].message)
        land(lake, stripe, take_over=True).raise_for_status()
        before = events(lake)
        child.go_on()
        assert child.ended() == 75
        assert events(lake) == before
        assert_true(lake, stripe, "charges")

"""Waves that end early, because of an engine, the time or Ctrl-C: what is left lands later, and each object once."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import IngestInterrupted, UsageError, plan
from stripe_raw_rs.distributed import waves
from tests.children import wait_for
from tests.conftest import KEY, events
from tests.connected import assert_all_landed, assert_each_once, land, platform
from tests.places import place_of
from tests.spark.schemas import waiting_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from stripe_raw_rs.simulator import StripeSimulator

    Caplog = pytest.LogCaptureFixture

pytestmark = pytest.mark.spark40

ACCOUNTS = 5
SPREAD: dict[str, Any] = {"distributed": True, "distributed_tasks": 2}


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform(ACCOUNTS) as simulator:
        yield simulator


LOSES = "DELETE FROM {table} WHERE _stripe_id = '{one}'"
DOUBLES = "INSERT INTO {table} SELECT * FROM {table} WHERE _stripe_id = '{one}'"
READS_A_TASK_TWICE = "INSERT INTO {table} SELECT * FROM {table}"
DROPS = "DROP TABLE {table}"


@pytest.mark.parametrize(
    "damage",
    [pytest.param(LOSES, marks=[pytest.mark.spark41, pytest.mark.connect40]), DOUBLES, READS_A_TASK_TWICE, DROPS],
)
def test_rows_that_an_engine_lost_or_doubled_do_not_land_and_the_process_reads_itself(  # noqa: PLR0913, PLR0917
    lake: Path,
    stripe: StripeSimulator,
    monkeypatch: pytest.MonkeyPatch,
    spark: SparkSession,
    caplog: Caplog,
    damage: str,
) -> None:
    """An executor that is lost between a fetch and a shuffle does this, and the job succeeds."""
    from stripe_raw_rs.tables.spark.waiting import Waiting  # noqa: PLC0415 - it needs Spark

    fill = Waiting.fill

    def damaged(self: Waiting, *given: Any) -> None:
        fill(self, *given)
        table = self._sql_name
        one = spark.table(table).where("_stripe_id IS NOT NULL").limit(1).collect()[0]["_stripe_id"]
        spark.sql(damage.format(table=table, one=one)).collect()

    monkeypatch.setattr(Waiting, "fill", damaged)
    land(lake, stripe, **SPREAD).raise_for_status()
    (said,) = (record.message for record in caplog.records if "executors could not do it" in record.message)
    assert ("cannot be read: " if damage == DROPS else "; nothing of them has landed: run again") in said
    assert_all_landed(lake, stripe)
    assert {event["epoch"] for event in events(lake)} == {1}, "nothing of the wave has landed"
    assert waiting_tables(spark, lake) == []


def test_a_page_that_is_lost_together_with_its_event_is_missed(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch, spark: SparkSession, caplog: Caplog
) -> None:
    from stripe_raw_rs.distributed.fetch import events_of  # noqa: PLC0415 - it needs pyarrow
    from stripe_raw_rs.tables.spark.waiting import Waiting  # noqa: PLC0415 - as above

    fill = Waiting.fill

    def damaged(self: Waiting, *given: Any) -> None:
        fill(self, *given)
        for text in [*self.texts("_events")]:
            group = events_of(text).to_pylist()
            # Without the end of its run, the rest would be gone on with.
            if {event["event_type"] for event in group} == {"PAGE_COMMITTED"}:
                pages = ", ".join(str(event["page_number"]) for event in group)
                rows = f"_ingest_run_id = '{group[0]['run_id']}' AND _page_number IN ({pages})"
                where = f"{rows} OR _events = X'{text.hex()}'"
                spark.sql(f"DELETE FROM {self._sql_name} WHERE {where}").collect()  # noqa: S608 - our own names
                return
        pytest.fail("no run has a group of pages before its last one")

    monkeypatch.setattr(Waiting, "fill", damaged)
    land(lake, stripe, page_size=2, commit_interval_seconds=0, max_concurrent_requests=2, **SPREAD).raise_for_status()
    assert "events of a run are lost or doubled" in caplog.text
    assert_all_landed(lake, stripe)


def waves_of(caplog: Caplog) -> int:
    return sum("read the first runs of" in record.message for record in caplog.records)


def test_a_wave_begins_no_more_accounts_when_its_time_is_over_and_another_wave_reads_those(
    lake: Path, monkeypatch: pytest.MonkeyPatch, caplog: Caplog
) -> None:
    monkeypatch.setattr(waves, "_SECONDS", (0.0, 600.0))
    caplog.set_level(logging.INFO)
    # A task begins 64 accounts at a time.
    with platform(2 * 64 + 10, counts={"charges": 1}, account_counts={"charges": 1}, object_events=False) as stripe:
        report = land(lake, stripe, **SPREAD)
        report.raise_for_status()
        assert report["charges"].rows == 2 * 64 + 11
        assert waves_of(caplog) == 2
        assert_each_once(lake, stripe, [None, *stripe.accounts()])
    assert {event["epoch"] for event in events(lake)} == {1, 2}


def test_a_wave_hands_over_what_it_has_when_it_takes_too_long_and_the_process_goes_on_with_it(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch, caplog: Caplog
) -> None:
    monkeypatch.setattr(waves, "_SECONDS", (0.0, 0.0))
    caplog.set_level(logging.INFO)
    land(lake, stripe, page_size=2, commit_interval_seconds=0, max_concurrent_requests=2, **SPREAD).raise_for_status()
    assert waves_of(caplog) == 1
    assert_all_landed(lake, stripe)
    # Runs that were cut off go on under their own names.
    found = events(lake)
    begun = {each["run_id"] for each in found if (each["event_type"], each["epoch"]) == ("RUN_STARTED", 1)}
    ended = {each["run_id"]: each["epoch"] for each in found if each["event_type"] == "RUN_COMPLETED"}
    assert begun
    assert {ended[run_id] for run_id in begun} == {2}


def charges_asked(stripe: StripeSimulator) -> int:
    return sum("/v1/charges" in path for _, path, _ in stripe.request_log())


@pytest.mark.connect40
def test_ctrl_c_ends_what_executors_do_and_the_next_call_lands_all(
    lake: Path, spark: SparkSession, caplog: Caplog
) -> None:
    caplog.set_level(logging.INFO)
    with platform(ACCOUNTS, latency_ms=800) as stripe:
        sent: list[float] = []

        def press() -> None:
            wait_for(lambda: charges_asked(stripe) >= 4, 120)
            sent.append(time.time())
            os.kill(os.getpid(), signal.SIGINT)

        pressing = threading.Thread(target=press)
        pressing.start()
        with pytest.raises(IngestInterrupted) as interrupted:
            land(lake, stripe, entities="charges,customers", page_size=1, max_concurrent_requests=2, **SPREAD)
        took = time.time() - sent[0]
        pressing.join()
        # Each task had 20 seconds to go.
        assert took < 14
        begun = [record.created for record in caplog.records if "read the first runs of" in record.message]
        assert max(begun) < sent[0], "a list that waits for its turn begins nothing more"
        assert "executors could not do it" not in caplog.text
        assert interrupted.value.report["charges"].rows == 0
        assert waiting_tables(spark, lake) == []
        land(lake, stripe, **SPREAD).raise_for_status()
        assert_all_landed(lake, stripe)


def test_what_a_killed_call_has_left_is_dropped_by_a_call_that_has_no_first_runs(
    lake: Path, stripe: StripeSimulator, spark: SparkSession
) -> None:
    land(lake, stripe, **SPREAD).raise_for_status()
    prefix = f"spark_catalog.{lake.stem}.stripe_charges_raw_waiting"
    # The second call is attempt 2. Another process may be at attempt 3.
    for number in (1, 2, 3):
        spark.sql(f"CREATE TABLE {prefix}_{number:010}_0123456789ab (_raw_json STRING) USING delta")
    land(lake, stripe, **SPREAD).raise_for_status()
    assert waiting_tables(spark, lake) == ["stripe_charges_raw_waiting_0000000003_0123456789ab"]


def test_settings_with_which_spark_loses_rows_are_refused(
    lake: Path, stripe: StripeSimulator, spark: SparkSession
) -> None:
    setting = "spark.sql.files.ignoreMissingFiles"
    spark.conf.set(setting, "true")
    try:
        with pytest.raises(UsageError, match=f"cannot be used here: with {setting} on, Spark leaves out rows"):
            land(lake, stripe, **SPREAD)
    finally:
        spark.conf.unset(setting)


def test_what_cannot_be_distributed_is_refused_in_one_line_by_run_and_by_plan(
    lake: Path, stripe: StripeSimulator
) -> None:
    for given, line in (
        (
            {"max_requests": 5, **SPREAD},
            "distributed=True and max_requests exclude each other: tasks cannot count together",
        ),
        ({"distributed": True, "distributed_tasks": 0}, "distributed_tasks must be 1 to 1,000"),
        ({"distributed_tasks": 2}, "distributed_tasks is for distributed=True: give both, or none"),
    ):
        with pytest.raises(UsageError) as refused:
            land(lake, stripe, **given)
        assert str(refused.value) == line
        with pytest.raises(UsageError) as refused:
            plan(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **given)
        assert str(refused.value) == line
    assert stripe.requests <= 6, "at most, the account's id was asked for"

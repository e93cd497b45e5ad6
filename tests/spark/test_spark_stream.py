"""Streams of the format `stripe` on Spark 4.2: each object comes once, whatever ends a batch."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ApiKey, register_stripe
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.spark_source import source_of
from tests.children import wait_for
from tests.conftest import KEY
from tests.spark.own_spark import kill_after, processes_with, run
from tests.test_canary import assert_absent_below

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark42

HOUR = 3_600
# A page takes a request, one after the other, and one that fails ends the stream.
SINGLE_REQUESTS: dict[str, Any] = {"max_retries": 0, "page_size": 10, "max_concurrent_requests": 1}
LAND = """
import sys
from pyspark.sql import SparkSession
from stripe_raw_rs import register_stripe

url, folder = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
register_stripe(spark, api_key="rk_test_any", api_base_url=url, page_size=10, max_concurrent_requests=1)
stream = spark.readStream.format("stripe").options(entity="charges", created_gte="2020-01-01", settle_seconds=3600)
writer = stream.load().writeStream.option("checkpointLocation", f"{folder}/checkpoint").trigger(availableNow=True)
writer.start(f"{folder}/rows").awaitTermination()
"""


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    """All objects are older than two hours."""
    with StripeSimulator(seed=7, counts={"charges": 300}, end=int(time.time()) - 2 * HOUR) as simulator:
        yield simulator


def stream_of(spark: SparkSession, stripe: StripeSimulator, **options: object) -> DataFrame:
    register_stripe(spark, api_key=KEY, api_base_url=stripe.url, **SINGLE_REQUESTS)
    given = {"entity": "charges", "created_gte": "2020-01-01", "settle_seconds": HOUR, **options}
    return spark.readStream.format("stripe").options(**given).load()


def land(spark: SparkSession, stripe: StripeSimulator, folder: Path, **options: object) -> list[str]:
    """Run a stream until it has read all that is there; the ids that the sink holds then."""
    writer = stream_of(spark, stripe, **options).writeStream.option("checkpointLocation", str(folder / "checkpoint"))
    writer.trigger(availableNow=True).start(str(folder / "rows")).awaitTermination()
    return sorted(row[0] for row in spark.read.parquet(str(folder / "rows")).select("_stripe_id").collect())


def batches(folder: Path, kind: str) -> list[str]:
    return sorted(file.name for file in (folder / "checkpoint" / kind).iterdir() if file.name.isdigit())


def test_a_stream_lands_each_object_once_and_younger_ones_with_a_later_run(
    spark: SparkSession, stripe: StripeSimulator, tmp_path: Path
) -> None:
    old = sorted(stripe.ids("charges"))
    young = stripe.add("charges", 25, created=int(time.time()) - HOUR // 2)
    assert land(spark, stripe, tmp_path) == old
    between = stripe.add("charges", 25, created=int(time.time()) - HOUR // 4)
    assert land(spark, stripe, tmp_path, settle_seconds=60) == sorted([*old, *young, *between])
    assert land(spark, stripe, tmp_path, settle_seconds=60) == sorted(stripe.ids("charges"))
    assert_absent_below(tmp_path)


def test_a_stream_has_all_its_accounts(spark: SparkSession, tmp_path: Path) -> None:
    end = int(time.time()) - 2 * HOUR
    counts = {"charges": 20}
    with StripeSimulator(counts=counts, connected_accounts=3, account_counts=counts, end=end) as platform:
        accounts = platform.accounts()
        expected = sorted(one for account in accounts for one in platform.ids("charges", account=account))
        assert land(spark, platform, tmp_path, accounts=",".join(accounts), num_partitions=2) == expected


def test_a_batch_that_failed_midway_is_read_again_in_the_same_window(
    spark: SparkSession, stripe: StripeSimulator, tmp_path: Path
) -> None:
    # A slice has eight pages or so, and two are read at a time: the third one fails.
    stripe.set_faults("status=500@n20+")
    with pytest.raises(Exception, match=r"stripe_raw_rs\.exceptions\."):
        land(spark, stripe, tmp_path)
    stripe.reset_faults()
    assert (batches(tmp_path, "offsets"), batches(tmp_path, "commits")) == (["0"], [])
    before = stripe.requests
    old = sorted(stripe.ids("charges"))
    stripe.add("charges", 25, created=int(time.time()) - HOUR // 2)
    assert land(spark, stripe, tmp_path) == old
    assert stripe.requests > before + 20
    assert land(spark, stripe, tmp_path, settle_seconds=60) == sorted(stripe.ids("charges"))


def test_a_batch_whose_commit_was_lost_is_not_there_twice(
    spark: SparkSession, stripe: StripeSimulator, tmp_path: Path
) -> None:
    land(spark, stripe, tmp_path)
    last = batches(tmp_path, "commits")[-1]
    for name in (last, f".{last}.crc"):
        (tmp_path / "checkpoint" / "commits" / name).unlink()
    assert land(spark, stripe, tmp_path) == sorted(stripe.ids("charges"))
    assert last in batches(tmp_path, "commits")


def test_a_process_that_was_killed_leaves_no_row_twice(
    spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    end = int(time.time()) - 2 * HOUR
    with StripeSimulator(seed=7, counts={"charges": 300}, end=end, latency_ms=100) as stripe:
        variable = f"SPARK_CONF_DIR={tmp_path}/settings".encode()
        # Of four slices, the first two have been read.
        killer = threading.Thread(target=kill_after, args=[stripe, 24, lambda _: processes_with(variable)])
        killer.start()
        done = run(str(request.config.getoption("lane")), tmp_path, LAND, stripe.url, str(tmp_path))
        killer.join()
        assert done.returncode < 0, done.stderr[-3000:]
        assert (batches(tmp_path, "offsets"), batches(tmp_path, "commits")) == (["0"], [])
        assert list((tmp_path / "rows").glob("*.parquet")), "some tasks have written their rows"
        assert land(spark, stripe, tmp_path) == sorted(stripe.ids("charges"))


def test_a_stream_goes_on_with_each_trigger(spark: SparkSession, stripe: StripeSimulator, tmp_path: Path) -> None:
    writer = stream_of(spark, stripe, settle_seconds=1).writeStream.format("memory").queryName("charges_so_far")
    query = writer.option("checkpointLocation", str(tmp_path)).trigger(processingTime="1 second").start()

    def landed() -> list[str]:
        return sorted(row[0] for row in spark.table("charges_so_far").select("_stripe_id").collect())

    try:
        for _ in range(2):
            wait_for(lambda: landed() == sorted(stripe.ids("charges")), 60)
            stripe.add("charges", 3, created=int(time.time()))
        wait_for(lambda: landed() == sorted(stripe.ids("charges")), 60)
    finally:
        query.stop()


def reader_of(**options: str) -> Any:
    source = source_of(ApiKey(KEY), {})({"entity": "charges", "created_gte": "1700000000", **options})
    return source.streamReader(source.schema())


def test_a_batch_without_time_has_no_partitions() -> None:
    reader = reader_of()
    assert reader.partitions({"charges": 1_700_000_000}, {"charges": 1_700_000_000}) == []
    parts = [part.value for part in reader.partitions({"charges": 1_700_000_000}, {"charges": 1_700_000_100})]
    assert [(part["start"], part["end"]) for part in parts] == [
        (1_700_000_000 + 25 * part, 1_700_000_025 + 25 * part) for part in range(4)
    ]


def test_a_stream_stays_behind_the_present() -> None:
    before = int(time.time())
    for options, seconds in (({}, HOUR), ({"settle_seconds": "1000"}, 1_000), ({"settle_seconds": "0"}, 0)):
        reader = reader_of(**options)
        end = reader.latestOffset(reader.initialOffset(), None)
        assert before - seconds <= end["charges"] <= time.time() - seconds


def test_a_stream_that_takes_what_is_there_has_one_end() -> None:
    reader = reader_of(settle_seconds="0")
    first = reader.initialOffset()
    assert first == {"charges": 1_700_000_000}
    reader.prepareForTriggerAvailableNow()
    end = reader.latestOffset(first, None)
    assert int(time.time()) - 5 <= end["charges"] <= time.time()
    reader.end -= 100
    assert reader.latestOffset(first, None) == {"charges": reader.end}
    assert reader.latestOffset(end, None) == end, "an offset never goes back"

"""What a stream of the format `stripe` refuses on Spark 4.2, each with one plain line in Spark's error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, register_stripe
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.spark.test_spark_source_refusals import said
from tests.spark.test_spark_stream import land, reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark42

SINCE = {"created_gte": "2024-01-01"}
BAD = "no past time of charges: each list has a checkpoint of its own, so give another checkpointLocation"


@pytest.fixture
def few() -> Iterator[StripeSimulator]:
    with StripeSimulator(counts={"charges": 8, "refunds": 8}, end=int(time.time()) - 7_200, keys=[KEY]) as stripe:
        yield stripe


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"entity": "charges"}, 'a stream of charges needs the time at which it begins: .option("created_gte", "2026-'),
        ({"entity": "charges", **SINCE, "created_lt": "2024-02-01"}, "a stream of charges has no end: leave created_l"),
        ({"entity": "quotes", **SINCE}, "quotes cannot be streamed, because Stripe does not filter it by time: stripe"),
        ({"entity": "payment_links"}, "payment_links cannot be streamed, because Stripe does not filter it by time: s"),
        (
            {"entity": "charges", **SINCE, "settle_seconds": "-1"},
            "settle_seconds must be a whole number from 0 to 86,400, not '-1'",
        ),
        ({"entity": "charges", **SINCE, "settle_seconds": "90000"}, "settle_seconds must be a whole number from 0 to"),
    ],
)
def test_options_that_no_stream_can_have_are_refused_before_anything_is_asked(
    spark: SparkSession, few: StripeSimulator, tmp_path: Path, options: dict[str, str], line: str
) -> None:
    register_stripe(spark, api_key=KEY, api_base_url=few.url)
    stream = spark.readStream.format("stripe").options(**options).load()
    writer = stream.writeStream.format("noop").option("checkpointLocation", str(tmp_path)).trigger(availableNow=True)
    assert said(lambda: writer.start().awaitTermination()).startswith(f"UsageError: {line}")
    assert few.requests == 0


def test_a_schema_of_the_users_own_is_refused(spark: SparkSession, few: StripeSimulator, tmp_path: Path) -> None:
    register_stripe(spark, api_key=KEY, api_base_url=few.url)
    source = spark.readStream.format("stripe").options(entity="charges", **SINCE).schema("_stripe_id STRING").load()
    writer = source.writeStream.format("noop").option("checkpointLocation", str(tmp_path)).trigger(availableNow=True)
    line = said(lambda: writer.start().awaitTermination())
    assert line.startswith("UsageError: the format stripe has columns of its own: leave .schema(...) out")


def test_the_checkpoint_of_another_list_is_refused(spark: SparkSession, few: StripeSimulator, tmp_path: Path) -> None:
    assert len(land(spark, few, tmp_path, entity="refunds")) == 8
    assert BAD in said(lambda: land(spark, few, tmp_path, entity="charges"))


@pytest.mark.parametrize(
    "offset",
    [{}, [], None, "1700000000", {"refunds": 1_700_000_000}, {"charges": 1_700_000_000, "refunds": 1_700_000_000}]
    + [{"charges": second} for second in (None, "1700000000", 1_700_000_000.0, True, -1)],
    ids=str,
)
def test_an_offset_that_is_no_past_time_of_the_list_is_refused(offset: Any) -> None:
    reader = reader_of()
    good = {"charges": 1_700_000_000}
    asked: tuple[Callable[[], object], ...] = (
        lambda: reader.latestOffset(offset, None),
        lambda: reader.partitions(offset, good),
        lambda: reader.partitions(good, offset),
    )
    for ask in asked:
        with pytest.raises(UsageError) as refused:
            ask()
        assert BAD in str(refused.value)


def test_an_offset_ahead_of_the_clock_says_so_and_does_not_ask_for_another_checkpoint() -> None:
    for ask in (reader_of().latestOffset, reader_of().partitions):
        with pytest.raises(UsageError, match=r"is (999|1,000) s ahead of this machine's clock: set the clock, or wait"):
            ask({"charges": int(time.time()) + 1_000}, {"charges": 1_700_000_000})


def test_a_batch_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(UsageError, match=BAD):
        reader_of().partitions({"charges": 1_700_000_001}, {"charges": 1_700_000_000})

"""What the format `stripe` refuses, each with one plain line in Spark's error, and without the key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import ApiKey, UsageError, register_stripe
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import CANARY, KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark40, pytest.mark.spark41, pytest.mark.connect40]

ERROR = re.compile(r"stripe_raw_rs\.exceptions\.(\w+: .*)")
LEAK = "looks like a secret, and Spark shows options in its UI, its event log and in SQL: give the key to register_s"


@pytest.fixture
def few() -> Iterator[StripeSimulator]:
    with StripeSimulator(counts={"charges": 8, "payment_links": 8}, keys=[KEY]) as stripe:
        yield stripe


def said(asked: Callable[[], object]) -> str:
    """The line of ours in the error of Spark, without which it is not the error of a user."""
    with pytest.raises(Exception, match="stripe_raw_rs") as raised:
        asked()
    assert CANARY not in str(raised.value)
    lines = set(ERROR.findall(str(raised.value)))
    assert len(lines) == 1, raised.value
    return str(lines.pop())


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, 'the format stripe needs the name of a list: .option("entity", "charges")'),
        ({"entity": "charge"}, "unknown entity 'charge': did you mean 'charges'?"),
        ({"entity": "charges,refunds"}, "one list is read at a time, and 'charges,refunds' is 2 lists"),
        ({"entity": "customers/tax_ids"}, "customers_tax_ids is not a list of the account"),
        ({"entity": "charges", "acounts": "acct_1"}, "unknown option 'acounts' of the format stripe, did you mean acc"),
        ({"entity": "charges", "page_size": 5}, "'page_size' of the format stripe, which is a keyword of register_str"),
        ({"entity": "charges", "accounts": " , "}, "accounts names no account"),
        ({"entity": "charges", "accounts": "all"}, "'all'"),
        ({"entity": "charges", "created_gte": "soon"}, "created_gte 'soon' must be a date or date-time in UTC"),
        ({"entity": "charges", "created_lt": "2024"}, "created_lt '2024' must be a date or date-time in UTC"),
        (
            {"entity": "charges", "created_gte": "2090-01-01"},
            "created_gte must be before created_lt, which is the pres",
        ),
        ({"entity": "charges", "created_gte": 1700000000, "created_lt": 1700000000}, "created_gte must be before"),
        ({"entity": "payment_links", "created_lt": "2024-01-01"}, "payment_links: its objects have no time, so creat"),
        ({"entity": "charges", "num_partitions": 0}, "num_partitions must be a whole number from 1 to 1,000, not '0'"),
        ({"entity": "charges", "num_partitions": "many"}, "num_partitions must be a whole number from 1 to 1,000, not"),
        ({"entity": "charges", "api_key": "x"}, f"option 'api_key' {LEAK}"),
        ({"entity": "charges", "token": "x"}, f"option 'token' {LEAK}"),
        ({"entity": KEY}, f"option 'entity' {LEAK}"),
        ({"entity": "charges", KEY: "x"}, "option 'rk_***' looks like a secret"),
        ({"entity": "charges", "accounts": "sk_live_1"}, f"option 'accounts' {LEAK}"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_anything_is_asked(
    spark: SparkSession, few: StripeSimulator, options: dict[str, object], line: str
) -> None:
    register_stripe(spark, api_key=KEY, api_base_url=few.url)
    found = said(lambda: spark.read.format("stripe").options(**options).load().schema)
    assert found.startswith("UsageError: ")
    assert line in found
    assert few.requests == 0


def test_a_schema_of_the_users_own_is_refused(spark: SparkSession, few: StripeSimulator) -> None:
    register_stripe(spark, api_key=KEY, api_base_url=few.url)
    reader = spark.read.format("stripe").option("entity", "charges")
    line = said(lambda: reader.schema("_stripe_id STRING").load().collect())
    assert line.startswith("UsageError: the format stripe has columns of its own: leave .schema(...) out")


def test_a_batch_takes_no_option_of_streams(spark: SparkSession, few: StripeSimulator) -> None:
    register_stripe(spark, api_key=KEY, api_base_url=few.url)
    frame = spark.read.format("stripe").options(entity="charges", settle_seconds=60).load()
    assert said(frame.count).startswith("UsageError: settle_seconds is an option of streams: leave it out")
    assert few.requests == 0


@pytest.mark.parametrize("entity", ["charges", "quotes"])
def test_a_stream_is_refused_before_spark_4_2_and_run_is_named(
    spark: SparkSession, few: StripeSimulator, tmp_path: Path, entity: str
) -> None:
    register_stripe(spark, api_key=KEY, api_base_url=few.url)
    stream = spark.readStream.format("stripe").option("entity", entity).load()

    def started() -> None:
        writer = stream.writeStream.format("noop").option("checkpointLocation", str(tmp_path / "checkpoint"))
        writer.trigger(availableNow=True).start().awaitTermination()

    line = said(started)
    assert line.startswith("UsageError: a stream of the format stripe needs Spark 4.2 or later: before, stripe-raw run")


@pytest.mark.parametrize(
    ("denied", "key", "line"),
    [
        ([], "rk_test_another", "AuthenticationError: charges: "),
        (["charges"], KEY, "PermissionMissingError: charges: "),
    ],
)
def test_the_error_of_a_task_is_one_line_of_the_library(
    spark: SparkSession, few: StripeSimulator, denied: list[str], key: str, line: str
) -> None:
    few.set_denied(denied)
    register_stripe(spark, api_key=ApiKey(key), api_base_url=few.url)
    frame = spark.read.format("stripe").option("entity", "charges").load()
    assert said(frame.count).startswith(line)


def test_registering_is_refused_before_spark_hears_of_it(spark: SparkSession) -> None:
    for options, line in (
        ({"api_key": "pk_test_1"}, "a publishable key"),
        ({"api_key": KEY, "page_sizes": 5}, "unknown option 'page_sizes', did you mean page_size"),
        ({"api_key": KEY, "stripe_account": "acct_1"}, "unknown option 'stripe_account'"),
        ({"api_key": KEY, "ca_file": "/nowhere"}, "ca_file '/nowhere'"),
        ({}, "there is no key"),
    ):
        with pytest.raises(UsageError, match=line):
            register_stripe(spark, **options)
    with pytest.raises(UsageError, match=r"needs a session of Spark 4\.0 or later, and this is no session of Spark"):
        register_stripe(None, api_key=KEY)

"""The format `stripe` of Spark: one list as a data frame of raw rows, which Spark's executors read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs.client import client_of, key_of
from stripe_raw_rs.environment import without_debug_log
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.executors import hold, importer, settings_of
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import take_key, with_environment
from stripe_raw_rs.panics import panics_as_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import RecordBatch
    from pyspark.sql import SparkSession
    from pyspark.sql.datasource import DataSource, InputPartition
    from pyspark.sql.types import StructType
    from typing_extensions import Unpack

    from stripe_raw_rs._core import ApiKey
    from stripe_raw_rs.keywords import SourceKeywords


@with_keywords("register_stripe", "spark")
def register_stripe(spark: SparkSession, **given: Unpack[SourceKeywords]) -> None:
    """Let a session of Spark 4 read one Stripe list as a data frame: `spark.read.format("stripe")`. Nothing is asked.

    The options of the format are `entity`, the name of one list; `accounts`, a comma list of ids (default: the key's
    own account); `created_gte` (inclusive) and `created_lt` (exclusive; default: the time when an action is planned),
    each a date, a date-time or seconds since 1970, in UTC; and `num_partitions` (default: 4).

    `spark.readStream` takes it from Spark 4.2 on, as an experiment: without `created_lt`, and with `settle_seconds`, by
    which the stream stays behind the present (default: 3,600).

    The key, and the options of requests, are those of `ingest`, with the environment behind them. All of them are read
    here; Spark carries them to its executors, where this wheel must be installed, too. The key is shown nowhere. The
    partitions of one action share the limits of requests, so one process (`read`) is as fast.

    Raises UsageError if something cannot be used as given, and if this Spark has no Python data sources.
    """
    keywords = cast("dict[str, Any]", given)
    key = take_key(keywords)
    with panics_as_errors():
        options = with_environment("register_stripe", keywords)
        key = key_of(key, options)
        client_of(key, options)
        if not hasattr(spark, "dataSource"):
            found = f"this is Spark {spark.version}" if hasattr(spark, "version") else "this is no session of Spark"
            message = (
                f"register_stripe needs a session of Spark 4.0 or later, and {found}; read gives a list without it"
            )
            raise UsageError(message)
        _register(spark, source_of(key, settings_of(options)))


def _register(spark: SparkSession, source: type[DataSource]) -> None:
    from stripe_raw_rs.tables.spark.errors import reason  # noqa: PLC0415 - it needs Spark

    try:
        with without_debug_log():
            spark.dataSource.register(source)
    except Exception as error:  # noqa: BLE001 - a session may raise anything
        message = f"the format stripe cannot be registered: {reason(error)}"
    else:
        return
    # Spark's own error does not follow this one: variables of its traceback hold the pickled class, and in it the key.
    raise UsageError(message)


def source_of(key: ApiKey, settings: dict[str, Any]) -> type[DataSource]:
    """Make the class of the format. It is made here, so that it is pickled by value, with the key in its closure.

    So the key reaches the executors without being an option, which Spark shows.
    """
    from pyspark.sql import datasource  # noqa: PLC0415 - Spark 3.5 lacks it

    held, code, stream = hold(key), importer("spark_partitions"), importer("spark_stream")

    class StripeReader(datasource.DataSourceReader):  # type: ignore[misc]
        """Reads the partitions of one data frame.

        There is no `pushFilters`: with it, Spark 4.1 and 4.2 lose rows of a data frame that is read under two filters.
        """

        def __init__(self, options: dict[str, str]) -> None:
            self.options = options

        def partitions(self) -> list[InputPartition]:
            parts = code().partitions(held, settings, self.options)
            return [datasource.InputPartition(part) for part in parts]

        def read(self, partition: InputPartition) -> Iterator[RecordBatch]:
            rows: Iterator[RecordBatch] = code().rows(held, settings, partition.value)
            return rows

    class StripeSource(datasource.DataSource):  # type: ignore[misc]
        """The format `stripe`."""

        def __init__(self, options: dict[str, str]) -> None:
            super().__init__(options)
            code().check(held, settings, dict(options))

        @classmethod
        def name(cls) -> str:
            return "stripe"

        def schema(self) -> StructType:
            columns: StructType = code().schema(held, settings, dict(self.options))
            return columns

        def reader(self, schema: StructType) -> StripeReader:
            code().check_schema(schema, self.schema())
            return StripeReader(dict(self.options))

        def streamReader(self, schema: StructType) -> object:  # noqa: N802 - Spark's name
            code().check_schema(schema, self.schema())
            return stream().reader(held, settings, dict(self.options))

    return StripeSource

"""The adapter to Databricks' community connectors inside Spark: a source of Spark passes each call on to it.

The framework's own source does the same, and has more.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from stripe_raw_rs import read
from stripe_raw_rs.community_connector import StripeConnector
from tests.conftest import KEY
from tests.test_canary import assert_absent, assert_absent_below

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession
    from pyspark.sql.datasource import DataSource, DataSourceStreamReader

    from stripe_raw_rs.simulator import StripeSimulator

pytestmark = [pytest.mark.spark40, pytest.mark.spark41]


def as_spark_has_it(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if value and name.endswith("_at") else value


def reader_class() -> type[DataSourceStreamReader]:
    from pyspark.sql import datasource  # noqa: PLC0415 - Spark 3.5 lacks it

    class Reader(datasource.DataSourceStreamReader):  # type: ignore[misc]
        def __init__(self, connector: StripeConnector, columns: list[str]) -> None:
            self.connector = connector
            self.columns = columns

        def initialOffset(self) -> dict[str, int]:  # noqa: N802 - Spark's name
            return {}

        def latestOffset(self) -> Any:  # noqa: N802
            return self.connector.latest_offset("charges", {})

        def partitions(self, start: dict[str, int], end: dict[str, int]) -> Any:
            options = {"created_gte": "2015-01-01", "num_partitions": "2"}
            parts = self.connector.get_partitions("charges", options, start, end)
            return [datasource.InputPartition(json.dumps(part)) for part in parts]

        def read(self, partition: Any) -> Any:
            for row in self.connector.read_partition("charges", json.loads(partition.value), {}):
                yield tuple(as_spark_has_it(name, row[name]) for name in self.columns)

    return Reader


def source_of(connection: dict[str, str]) -> type[DataSource]:
    """Make a source that streams charges, with the options of a connection, which Spark does not see."""
    from pyspark.sql import datasource  # noqa: PLC0415 - Spark 3.5 lacks it

    reader = reader_class()

    class Source(datasource.DataSource):  # type: ignore[misc]
        def __init__(self, options: dict[str, str]) -> None:
            self.connector = StripeConnector({**connection, **options})

        @classmethod
        def name(cls) -> str:
            return "connector"

        def schema(self) -> Any:
            return self.connector.get_table_schema("charges", {})

        def streamReader(self, schema: Any) -> DataSourceStreamReader:  # noqa: N802
            return reader(self.connector, schema.names)

    return Source


def test_each_trigger_of_a_stream_has_what_has_settled_since_the_last(
    spark: SparkSession, stripe: StripeSimulator, tmp_path: Path
) -> None:
    spark.dataSource.register(source_of({"api_key": KEY, "api_base_url": stripe.url}))
    middle = stripe.created("charges", stripe.ids("charges")[300])
    assert middle is not None
    for settle in (int(time.time()) - middle, 0):
        stream = spark.readStream.format("connector").option("settle_seconds", settle).load()
        writer = (
            stream.writeStream.format("parquet")
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
        )
        query = writer.start(str(tmp_path / "rows"))
        assert query.awaitTermination(120)
        assert_absent(repr(query.lastProgress), "the progress")
    rows = spark.read.parquet(str(tmp_path / "rows"))
    assert sorted(row[0] for row in rows.select("_stripe_id").collect()) == sorted(stripe.ids("charges"))
    seconds = "unix_seconds(_stripe_created_at) = get_json_object(_raw_json, '$.created')"
    assert rows.where(seconds).count() == len(stripe.ids("charges"))
    assert rows.columns == pa.schema(read("charges", api_key=KEY, api_base_url=stripe.url)).names
    assert_absent_below(tmp_path)

"""A list that is read without tables becomes a data frame of Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from stripe_raw_rs import read
from tests.conftest import KEY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from stripe_raw_rs.simulator import StripeSimulator

pytestmark = [pytest.mark.spark40, pytest.mark.connect40]


def test_spark_makes_a_data_frame_of_a_list(spark: SparkSession, stripe: StripeSimulator) -> None:
    rows = read("refunds", api_key=KEY, api_base_url=stripe.url)
    frame = spark.createDataFrame(pa.table(rows))
    assert frame.columns == rows.schema.names
    assert sorted(row["_stripe_id"] for row in frame.collect()) == sorted(stripe.ids("refunds"))

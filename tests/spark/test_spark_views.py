"""The views that `stripe-raw views` prints for a catalog, created and read by Spark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ingest, views
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, compact
from tests.places import place_of

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark40, pytest.mark.connect40]


def test_spark_shows_the_latest_state_of_each_object_and_all_states(lake: Path, spark: SparkSession) -> None:
    with StripeSimulator(counts={"customers": 20, "events": 0}, frozen_clock=True, history_days=50) as stripe:

        def land() -> None:
            options: dict[str, Any] = {"entities": "events,customers", "api_base_url": stripe.url}
            ingest(**place_of(lake), api_key=KEY, **options).raise_for_status()

        land()
        changed, gone = stripe.ids("customers")[12:14]
        stripe.advance(86_400)
        stripe.change("customers", changed)
        stripe.delete("customers", gone)
        stripe.advance(3_600)
        land()
        for statement in views(**place_of(lake), entities="customers"):
            spark.sql(statement)
        schema = f"spark_catalog.{lake.stem}"
        latest = spark.table(f"{schema}.stripe_customers_latest").collect()
        states = {row["_stripe_id"]: row["_raw_json"] for row in latest if not row["_deleted"]}
        assert states == {id_: compact(stripe.raw("customers", id_)) for id_ in stripe.ids("customers")}
        assert [row["_stripe_id"] for row in latest if row["_deleted"]] == [gone]
        history = spark.table(f"{schema}.stripe_customers_history").where(f"_stripe_id = '{changed}'").collect()
        assert sorted(row["_source"] for row in history) == ["event", "list"]
        assert json.loads(states[changed]) in [json.loads(row["_raw_json"]) for row in history]


def test_spark_shows_each_list_whole_from_its_object_or_from_the_rows_of_a_run(lake: Path, spark: SparkSession) -> None:
    counts = {"invoices": 12, "customers": 3, "events": 0}
    with StripeSimulator(counts=counts, frozen_clock=True, history_days=50, sublist_items=30) as stripe:
        options: dict[str, Any] = {"entities": "invoices,customers,customers_tax_ids", "api_base_url": stripe.url}
        ingest(**place_of(lake), api_key=KEY, **options).raise_for_status()
        for statement in views(**place_of(lake), entities="invoices,customers_tax_ids"):
            spark.sql(statement)
        for child, parent in (("invoices_lines", "invoices"), ("customers_tax_ids", "customers")):
            rows = spark.table(f"spark_catalog.{lake.stem}.stripe_{child}_latest").collect()
            found = sorted(
                (row["_parent_id"], row["_stripe_id"], json.loads(row["_raw_json"])["amount"]) for row in rows
            )
            items = ((id_, json.loads(item)) for id_ in stripe.ids(parent) for item in stripe.items(child, id_))
            assert found == sorted((id_, item["id"], item["amount"]) for id_, item in items)
            assert {row["_is_inline"] for row in rows} == ({True, False} if child == "invoices_lines" else {False})

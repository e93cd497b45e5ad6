"""Schemas of this session's catalog, over tables that others made in the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


def adopt(spark: SparkSession, lake: Path) -> None:
    """Enter the tables of a folder in the catalog, which lives in the memory of the process that made them."""
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS spark_catalog.{lake.stem}")
    for log in lake.glob("*/_delta_log"):
        name, place = log.parent.name, log.parent
        spark.sql(f"CREATE TABLE IF NOT EXISTS spark_catalog.{lake.stem}.{name} USING DELTA LOCATION '{place}'")


def waiting_tables(spark: SparkSession, lake: Path) -> list[str]:
    """The tables of a schema in which rows wait that executors have read."""
    tables = spark.sql(f"SHOW TABLES IN spark_catalog.{lake.stem}").collect()
    return [row["tableName"] for row in tables if "_waiting_" in row["tableName"]]

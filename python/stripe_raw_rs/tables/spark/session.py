"""The Spark session that is there, and whether it is Databricks'."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from stripe_raw_rs._core import plain
from stripe_raw_rs.environment import without_key
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.tables.spark.errors import reason

if TYPE_CHECKING:
    from types import ModuleType


def find_session() -> SparkSession:
    """Find the Spark session: the active one, Databricks Connect's, or what this process is set up to make."""
    try:
        active = SparkSession.getActiveSession()
        if active is not None:
            return active
        connect = None if "DATABRICKS_RUNTIME_VERSION" in os.environ else _databricks_connect()
        builder = SparkSession.builder if connect is None else connect.DatabricksSession.builder
        with without_key():
            session: SparkSession = builder.getOrCreate()
    except Exception as error:
        message = f"no Spark session: {reason(error)}"
        raise UsageError(message) from error
    return session


# What a session needs to write Delta tables, beside Delta's jars.
_SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
# So Spark says that it does not know Delta: by its error class, or, in 3.5, in words; the last one is about a catalog.
_NO_DELTA = ("DATA_SOURCE_NOT_FOUND", "Failed to find the data source", "delta.catalog.DeltaCatalog")


def without_delta(session: SparkSession, error: BaseException | None = None) -> UsageError | None:
    """Say what a session lacks that has no Delta; None if it has it, or if `error` is about something else.

    Platforms that bring Delta need no settings, so Delta itself is asked for, and only if no setting names it.
    """
    if error is None:
        if on_databricks() or "delta" in (session.conf.get("spark.sql.extensions", "") or "").lower():
            return None
        try:
            session.read.format("delta").load("/").schema  # noqa: B018 - a session behind Connect only then asks
        except Exception as asked:  # noqa: BLE001 - any other error shows that Delta was there to raise it
            error = asked
    if error is None or not any(sign in str(error) for sign in _NO_DELTA):
        return None
    settings = ", ".join(f"{name}={value}" for name, value in _SETTINGS.items())
    return UsageError(
        f"this Spark {session.version} has no Delta Lake, which writes the tables: set spark.jars.packages to the "
        f"delta-spark that goes with it (for Spark 4.0 io.delta:delta-spark_2.13:4.0.1), {settings}; "
        "or give a lake, which needs no Spark"
    )


def clustered(wish: str) -> bool:
    """Decide whether new raw tables are clustered: by default where the readers are Databricks' own."""
    if wish not in ("auto", "yes", "no"):
        message = f"liquid_clustering must be auto, yes or no, not '{plain(wish)}'"
        raise UsageError(message)
    return wish == "yes" or (wish == "auto" and on_databricks())


def on_databricks() -> bool:
    """Say whether the session is Databricks' own."""
    # If Databricks Connect is installed, pyspark is its client.
    return "DATABRICKS_RUNTIME_VERSION" in os.environ or _databricks_connect() is not None


def _databricks_connect() -> ModuleType | None:
    try:
        import databricks.connect  # noqa: PLC0415 - only laptops have it
    except ImportError:
        return None
    module: ModuleType = databricks.connect
    return module

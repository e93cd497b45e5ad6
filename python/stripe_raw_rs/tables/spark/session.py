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

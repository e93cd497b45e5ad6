"""Delta tables in a catalog, written and read by Spark: the cluster's, serverless, or behind Spark Connect.

Only features that Spark Connect has as well are used: data frames and SQL, no JVM, no RDD.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from stripe_raw_rs.exceptions import TableError, UsageError
from stripe_raw_rs.tables import check_table_name
from stripe_raw_rs.tables.spark import session
from stripe_raw_rs.tables.spark.errors import reason
from stripe_raw_rs.tables.spark.frames import Frames
from stripe_raw_rs.tables.spark.sql import check_name, quoted
from stripe_raw_rs.tables.spark.table import SparkTable
from stripe_raw_rs.tables.spark.waiting import Waiting, unable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

    from stripe_raw_rs.tables import TableOptions


logger = logging.getLogger("stripe_raw_rs")


class SparkTables:
    """The tables of one schema of a catalog."""

    def __init__(self, catalog: str, schema: str, options: TableOptions) -> None:
        """Find the Spark session and the catalog; nothing is written yet. The rest comes from `options`."""
        check_name("catalog", catalog)
        check_name("schema", schema)
        self.location = f"{catalog}.{schema}"
        self.session = session.find_session()
        lacks = session.without_delta(self.session)
        if lacks is not None:
            raise lacks
        self.frames = Frames(self.session, options.get("staging_volume"))
        self.clustered = session.clustered(options.get("liquid_clustering", "auto"))
        self.check_payloads = options.get("check_payloads", False)
        self._catalog = catalog
        self._schema = schema
        self._tables: dict[str, SparkTable] = {}
        self._lock = threading.Lock()
        self._has_schema = self._find_schema()

    def table(self, name: str) -> SparkTable:
        """Name one table; the same object for the same name."""
        check_table_name(name)
        with self._lock:
            return self._tables.setdefault(name, SparkTable(self, name, quoted(self._catalog, self._schema, name)))

    def lacks_processes(self) -> str | None:
        """Say why executors must not fetch rows; None if they may."""
        return unable(self.session)

    @contextmanager
    def waiting(self, name: str, number: int) -> Iterator[Waiting]:
        """Make a table for rows of the attempt with this number; it does not last."""
        check_table_name(name)
        # Two processes may plan an attempt with the same number.
        made = self._waiting(f"{name}_{number:010}_{uuid4().hex[:12]}")
        try:
            yield made
        finally:
            made.drop()

    def drop_waiting(self, name: str, number: int) -> None:
        """Drop what attempts of up to this number have left; what cannot be dropped is a warning in the log."""
        check_table_name(name)
        try:
            found = self.session.sql(f"SHOW TABLES IN {quoted(self._catalog, self._schema)} LIKE '{name}_*'").collect()
        except Exception as error:  # noqa: BLE001 - Spark may raise anything
            logger.warning("tables in which rows waited may be left in '%s': %s", self.location, reason(error))
            return
        for row in found:
            if f"{name}_" < row["tableName"] < f"{name}_{number + 1:010}_":
                self._waiting(row["tableName"]).drop()

    def _waiting(self, name: str) -> Waiting:
        return Waiting(self.session, f"{self.location}.{name}", quoted(self._catalog, self._schema, name))

    def query(self, sql: str) -> DataFrame:
        """Make the frame of a query; Spark reads when somebody asks for rows."""
        try:
            return self.session.sql(sql)
        except Exception as error:
            message = f"tables in '{self.location}' cannot be read: {reason(error)}"
            raise TableError(message) from error

    def require_schema(self) -> None:
        """Create the schema if it is absent. The catalog is for its administrator to create."""
        with self._lock:
            if self._has_schema:
                return
            name = quoted(self._catalog, self._schema)
            try:
                self.session.sql(f"CREATE SCHEMA IF NOT EXISTS {name}").collect()
            except Exception as error:
                message = (
                    f"schema '{self.location}' is not there and cannot be created: {reason(error)}; create it, or "
                    f"GRANT CREATE SCHEMA ON CATALOG {quoted(self._catalog)} to this identity"
                )
                raise UsageError(message) from error
            self._has_schema = True

    def _find_schema(self) -> bool:
        try:
            found = self.session.sql(f"SHOW SCHEMAS IN {quoted(self._catalog)}").collect()
        except Exception as error:
            lacks = session.without_delta(self.session, error)
            if lacks is not None:
                # Spark's own traceback is a hundred lines that say nothing more.
                raise lacks from None
            message = (
                f"catalog '{self._catalog}' is not there, or this identity may not use it: {reason(error)}; create it, "
                f"or GRANT USE CATALOG ON CATALOG {quoted(self._catalog)} to this identity"
            )
            raise UsageError(message) from error
        return any(row[0].strip("`").lower() == self._schema.lower() for row in found)

"""Delta tables in a catalog, written and read by Spark: the cluster's, serverless, or behind Spark Connect.

Only features that Spark Connect has as well are used: data frames and SQL, no JVM, no RDD.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from stripe_raw_rs._core import one_line
from stripe_raw_rs.exceptions import TableError, UsageError
from stripe_raw_rs.tables import check_table_name
from stripe_raw_rs.tables.spark import session
from stripe_raw_rs.tables.spark.errors import reason
from stripe_raw_rs.tables.spark.frames import Frames
from stripe_raw_rs.tables.spark.sql import check_name, quoted
from stripe_raw_rs.tables.spark.table import SparkTable
from stripe_raw_rs.tables.spark.waiting import Waiting

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

    @contextmanager
    def waiting(self, name: str, epoch: int) -> Iterator[Waiting]:
        """Make a table for rows that are not ready to be appended, of the attempt with that number; it does not last.

        One that a process has left which ended in between is dropped with the next: its rows would never land.
        """
        check_table_name(name)
        prefix = f"{name}_{epoch:010}_"
        for row in self.session.sql(f"SHOW TABLES IN {quoted(self._catalog, self._schema)} LIKE '{name}_*'").collect():
            left = row["tableName"]
            if f"{name}_" < left < prefix:
                Waiting(self.session, self.location, quoted(self._catalog, self._schema, left)).drop()
        # Two processes may plan an attempt with the same number.
        own = f"{prefix}{uuid4().hex[:12]}"
        made = Waiting(self.session, self.location, quoted(self._catalog, self._schema, own))
        try:
            yield made
        finally:
            try:
                made.drop()
            except TableError as error:
                # What has landed has landed, and another error is more to the point.
                logger.warning("a table in which rows waited is left: %s", one_line(error))

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

"""One Delta table in a catalog, written and read by Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import pyarrow as pa
from pyspark.sql import functions

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import StripeRawError, TableError
from stripe_raw_rs.tables import CommitUnknownError, Size, WaitingRows
from stripe_raw_rs.tables.spark.errors import reason
from stripe_raw_rs.tables.spark.frames import Selection
from stripe_raw_rs.tables.spark.select import select, select_largest
from stripe_raw_rs.tables.spark.sql import CONSTRAINT, add_columns, add_constraint, create_table, set_properties
from stripe_raw_rs.tables.spark.types import TIMESTAMP, to_arrow, to_spark
from stripe_raw_rs.tables.spark.upkeep import maintain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyspark.sql import DataFrame, Row

    from stripe_raw_rs._core import Promise, Schema
    from stripe_raw_rs.tables import ArrowSchema, ArrowStream, Commit, Condition, Damage, Kept, Outcome
    from stripe_raw_rs.tables.spark import SparkTables

Answer = TypeVar("Answer")

# Our commits are looked for right after they were tried, so they are among the newest; the second number is for one
# that many others followed. Beyond it a commit counts as dropped, which stops the run and loses nothing.
_HISTORY = (50, 1000)


class SparkTable:
    """One table of a schema."""

    skips_silently = True

    def __init__(self, tables: SparkTables, name: str, sql_name: str) -> None:
        """Name the table; nothing is read or written yet."""
        self.name = name
        self.location = f"{tables.location}.{name}"
        self._tables = tables
        self._session = tables.session
        self._sql_name = sql_name

    def exists(self) -> bool:
        """Say whether the table is there."""
        return self._asked(lambda: bool(self._session.catalog.tableExists(self._sql_name)))

    def create(self, schema: Schema, properties: Mapping[str, str], description: str) -> None:
        """Create the table, append-only, if it is absent; `properties()` shows whose properties it has."""
        columns = pa.schema(schema)
        try:
            if not self.exists():
                self._tables.require_schema()
                types, clustered = to_spark(columns), self._tables.clustered
                statement = create_table(self._sql_name, columns, types, properties, description, clustered=clustered)
                self._session.sql(statement).collect()
        except StripeRawError:
            raise
        except Exception as error:
            # Two processes may create it at the same moment; the loser uses what the winner made.
            if not self.exists():
                message = f"table '{self.location}' cannot be created: {reason(error)}"
                raise TableError(message) from error
        if self._tables.check_payloads and "_payload_sha256" in columns.names:
            self._require_constraint()

    def damage(self) -> Damage | None:
        """The files are out of sight; an error of Spark names them."""
        return None

    def properties(self) -> dict[str, str]:
        """Read the table's properties."""
        rows = self._sql(f"SHOW TBLPROPERTIES {self._sql_name}")
        return {row["key"]: row["value"] for row in rows}

    def set_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties to the table, or give them other values."""
        try:
            self._session.sql(set_properties(self._sql_name, properties)).collect()
        except Exception as error:
            message = f"table '{self.location}' cannot be given its properties: {reason(error)}"
            raise TableError(message) from error

    def add_columns(self, schema: Schema) -> None:
        """Add columns that all allow null, with their comments; columns that are there already are left."""
        wanted = pa.schema(schema)

        def missing() -> pa.Schema:
            there = self._columns().names
            return pa.schema([field for field in wanted if field.name not in there])

        columns = missing()
        if not columns.names:
            return
        try:
            self._session.sql(add_columns(self._sql_name, columns, to_spark(columns))).collect()
        except Exception as error:
            # Two processes may add them at the same moment.
            if missing().names:
                message = f"table '{self.location}' cannot be given its columns: {reason(error)}"
                raise TableError(message) from error

    def schema(self) -> ArrowSchema:
        """Read the table's columns."""
        columns: ArrowSchema = self._columns()
        return columns

    def maintain(self) -> str | None:
        """Write small files together, if there are many and the platform does not do it."""
        try:
            return maintain(self._session, self._sql_name)
        except Exception as error:
            message = f"table '{self.location}' cannot be kept in order: {reason(error)}"
            raise TableError(message) from error

    def size(self) -> Size | None:
        """Count the table's files. The checkpoints of the log are out of sight; Spark writes them itself."""
        (detail,) = self._sql(f"DESCRIBE DETAIL {self._sql_name}")
        files, size = detail["numFiles"], detail["sizeInBytes"]
        return None if files is None or size is None else Size(files, size, None)

    def append(self, commit: Commit) -> None:
        """Append under the commit's version, see `Table.append`. Spark skips a version that is taken.

        `saveAsTable` would make a missing table, without our properties; so this first checks that it is there.
        """
        try:
            self._require_there()
            if isinstance(commit, WaitingRows):
                self._write(cast("DataFrame", commit.frame), commit)
                return
            with self._tables.frames.of(commit) as frame:
                self._write(frame, commit)
        except Exception as error:
            message = f"table '{self.location}': {reason(error)}"
            raise CommitUnknownError(message) from error

    def outcome(self, commit: Commit) -> Outcome:
        """Look for a commit among the newest; "absent" may mean that another one stands in its place."""
        for limit in _HISTORY:
            newest = self._sql(f"DESCRIBE HISTORY {self._sql_name} LIMIT {limit}")
            if any(row["userMetadata"] == commit.metadata for row in newest):
                return "landed"
            if len(newest) < limit:
                break
        return "absent"

    def read(self, columns: Sequence[str], conditions: Sequence[Condition]) -> ArrowStream:
        """Stream the rows that meet all conditions; row by row, so the table may be larger than memory."""
        return self.read_any(columns, [conditions])

    def read_any(self, columns: Sequence[str], alternatives: Sequence[Sequence[Condition]]) -> ArrowStream:
        """Stream the rows that meet all conditions of one of the alternatives."""
        every = self._columns()
        unknown = [name for name in columns if name not in every.names]
        if unknown:
            message = f"table '{self.location}' cannot be read: it has no column '{plain(unknown[0])}'"
            raise TableError(message)
        schema = pa.schema([every.field(name) for name in columns])
        moments = [field.name for field in schema if field.type == TIMESTAMP]
        return self._asked(lambda: Selection(self._select(columns, alternatives, moments).toLocalIterator(), schema))

    def largest(
        self, column: str, by: Sequence[str], conditions: Sequence[Condition]
    ) -> dict[tuple[str | None, ...], int]:
        """Find the largest value of a column for each combination of texts in others."""
        found = self._asked(lambda: select_largest(self._session, self._sql_name, column, by, conditions).collect())
        return {tuple(row)[:-1]: row[-1] for row in found}

    def kept(self, promise: Promise) -> Kept:
        """Say how many of the rows that events report are still there.

        Spark does not report a transaction's version, so rows of the newest commit are looked for, and if there are
        none, the commit itself in the table's history.
        """
        if self._any(promise.newest_rows):
            return "all"
        if not self._any(promise.any_rows):
            are_erased = self._has_rows() and promise.is_of_table(self._created_at_micros())
            if not are_erased:
                return "none"
        commits = self._sql(f"DESCRIBE HISTORY {self._sql_name}")
        metadata = [row["userMetadata"] for row in commits if row["userMetadata"] is not None]
        from_creation = any(row["version"] == 0 for row in commits)
        return "all" if promise.may_be_among(metadata, from_creation) else "some"

    def _created_at_micros(self) -> int | None:
        detail = self._session.sql(f"DESCRIBE DETAIL {self._sql_name}")
        ((created,),) = self._asked(lambda: detail.select(functions.unix_micros("createdAt")).collect())
        return cast("int | None", created)

    def _any(self, conditions: Sequence[Condition]) -> bool:
        """Say whether any row meets all conditions; the first one found is enough."""
        return bool(self._asked(lambda: self._select([conditions[0][0]], [conditions]).limit(1).collect()))

    def _has_rows(self) -> bool:
        return bool(self._asked(lambda: self._select(["_stripe_id"], [[]]).limit(1).collect()))

    def distinct(self, columns: Sequence[str], conditions: Sequence[Condition]) -> list[tuple[str | None, ...]]:
        """List the different values of some text columns."""
        found = self._asked(lambda: self._select(columns, [conditions]).distinct().collect())
        return sorted((tuple(row) for row in found), key=lambda row: [(cell is not None, cell) for cell in row])

    def _write(self, frame: DataFrame, commit: Commit) -> None:
        # Never `insertInto`: it ignores the transaction's identifier, and a repeated commit is there twice.
        frame.write.format("delta").mode("append").option("txnAppId", commit.app_id).option(
            "txnVersion", str(commit.commit_version)
        ).option("userMetadata", commit.metadata).option("compression", "zstd").saveAsTable(self._sql_name)

    def _require_constraint(self) -> None:
        def is_there() -> bool:
            return f"delta.constraints.{CONSTRAINT}" in self.properties()

        if is_there():
            return
        try:
            self._session.sql(add_constraint(self._sql_name)).collect()
        except Exception as error:
            # Two processes may add it at the same moment.
            if not is_there():
                message = f"table '{self.location}' cannot be given its constraint: {reason(error)}"
                raise TableError(message) from error

    def _columns(self) -> pa.Schema:
        self._require_there()
        return to_arrow(self._asked(lambda: self._session.table(self._sql_name).schema))

    def _require_there(self) -> None:
        if not self.exists():
            message = f"table '{self.location}' does not exist"
            raise TableError(message)

    def _select(
        self, columns: Sequence[str], alternatives: Sequence[Sequence[Condition]], timestamps: Sequence[str] = ()
    ) -> DataFrame:
        return select(self._session, self._sql_name, columns, alternatives, timestamps)

    def _sql(self, statement: str) -> list[Row]:
        return self._asked(lambda: self._session.sql(statement).collect())

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        """Ask Spark; any error of Spark is raised as this table's."""
        try:
            return question()
        except Exception as error:
            message = f"table '{self.location}' cannot be read: {reason(error)}"
            raise TableError(message) from error

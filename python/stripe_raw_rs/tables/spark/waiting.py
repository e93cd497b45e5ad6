"""A table in which rows wait that executors have fetched, until they are appended to a raw table.

A fetch must not be what an append is made of: if an engine shuffles between the two and loses an executor, it fetches
again, and rows that have moved are there twice or not at all, without an error. A table stands still.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
from pyspark.sql import functions

from stripe_raw_rs.environment import without_debug_log
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.tables.spark.errors import reason
from stripe_raw_rs.tables.spark.types import to_spark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql import DataFrame, SparkSession

logger = logging.getLogger("stripe_raw_rs")

# Settings with which a file that is gone or broken has no rows.
_LOSING = ("spark.sql.files.ignoreMissingFiles", "spark.sql.files.ignoreCorruptFiles")

Answer = TypeVar("Answer")


class Waiting:
    """One such table, at a place that is its own. It is made anew, and dropped when nobody needs it."""

    def __init__(self, session: SparkSession, place: str, sql_name: str) -> None:
        """Name it; nothing is made yet."""
        self._session = session
        self._place = place
        self._sql_name = sql_name
        # Spark takes no comma in it.
        self._tag = place.rpartition(".")[2]

    def drop(self) -> None:
        """Drop it, if it is there."""
        try:
            self._session.sql(f"DROP TABLE IF EXISTS {self._sql_name}").collect()
        except Exception as error:  # noqa: BLE001 - Spark may raise anything
            # What has landed has landed, and another error is more to the point.
            logger.warning("the table '%s', in which rows waited, is left: drop it; %s", self._place, reason(error))

    def stop(self) -> None:
        """End the filling that is under way in another thread; it raises TableError there."""
        try:
            self._session.interruptTag(self._tag)
        except Exception as error:  # noqa: BLE001 - as above
            # The server may be gone. Then the filling ends by itself.
            logger.debug("what fills the table '%s' cannot be stopped: %s", self._place, reason(error))

    def fill(self, tasks: int, fetch: Callable[[int], Iterator[pa.RecordBatch]], columns: pa.Schema) -> None:
        """Run `fetch` for each number below `tasks`, each in a task of its own, and write what it gives."""

        # It is pickled by value, and so is what `fetch` holds: neither stands in a plan, an option or SQL.
        def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    yield from fetch(number)

        is_classic = type(self._session).__module__ == "pyspark.sql.session"
        types = to_spark(columns)
        names = ", ".join(f"`{column.name}` {column.dataType.simpleString()}" for column in types)
        # A platform that optimizes writes would shuffle between the fetch and this table.
        still = "'delta.autoOptimize.optimizeWrite' = 'false'"
        made = f"CREATE TABLE {self._sql_name} ({names}) USING delta TBLPROPERTIES ({still})"

        def write() -> None:
            self._session.sql(made).collect()
            # The function is sent here, or behind Spark Connect with the command that writes.
            with without_debug_log():
                frame = self._session.range(0, tasks, 1, tasks).mapInArrow(run, types)
            writer = frame.write.format("delta").mode("append").option("compression", "zstd")
            with nullcontext() if is_classic else without_debug_log():
                writer.option("optimizeWrite", "false").saveAsTable(self._sql_name)

        with self._tagged():
            self._do(write, "filled")

    def rows(self, columns: Sequence[str], empty: str) -> DataFrame:
        """Give the rows, in the columns of a raw table; `empty` is a column that they do not have."""
        return self._frame().where(functions.col(empty).isNull()).select(*columns)

    def counts(self, by: Sequence[str], empty: str) -> pa.Table:
        """Count the rows for each combination of values."""
        counted = self._frame().where(functions.col(empty).isNull()).groupBy(*by).count()
        found = self._do(counted.collect, "read")
        fields = [pa.field(name, pa.string() if at == 0 else pa.int64()) for at, name in enumerate([*by, "count"])]
        return pa.table([[row[at] for row in found] for at in range(len(fields))], schema=pa.schema(fields))

    def texts(self, column: str) -> Iterator[bytes]:
        """Give the values of a binary column that are not null."""
        frame = self._frame().where(functions.col(column).isNotNull()).select(column)
        rows = self._do(lambda: iter(frame.toLocalIterator()), "read")
        # Spark reads while the rows are taken.
        while (row := self._do(lambda: next(rows, None), "read")) is not None:
            yield bytes(row[0])

    @contextmanager
    def _tagged(self) -> Iterator[None]:
        """Let `stop` find what this thread does meanwhile."""
        self._session.addTag(self._tag)
        try:
            yield
        finally:
            self._session.removeTag(self._tag)

    def _frame(self) -> DataFrame:
        return self._do(lambda: self._session.table(self._sql_name), "read")

    def _do(self, work: Callable[[], Answer], done: str) -> Answer:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - Spark may raise anything
            message = f"the rows that wait in table '{self._place}' cannot be {done}: {reason(error)}"
        # Spark's own error does not follow this one: its traceback may hold what the executors were given.
        raise TableError(message)


def unable(session: SparkSession) -> str | None:
    """Say why rows must not wait in a table of this session; None if they may."""
    if session.version.startswith("3."):
        return f"it needs Spark 4 or later, and this is Spark {session.version}"
    for setting in _LOSING:
        if str(session.conf.get(setting, "false")).lower() == "true":
            return f"with {setting} on, Spark leaves out rows without a word: set it to false"
    return None

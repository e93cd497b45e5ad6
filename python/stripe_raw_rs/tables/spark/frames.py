"""Arrow into Spark and out of it, exactly, by a public way that the Spark at hand takes."""

from __future__ import annotations

import functools
import itertools
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.tables.spark.types import TIMESTAMP, to_spark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pyspark.sql import DataFrame, Row, SparkSession
    from pyspark.sql.types import StructType

    from stripe_raw_rs.tables import ArrowStream

    Way = Callable[[pa.Table, StructType], AbstractContextManager[DataFrame]]

# Spark Connect's messages end at 128 MiB, and its servers keep relations of 64 MiB apart; half of that is safe.
_SLICE_BYTES = 32 << 20
# Rows come out of Spark one by one; so many make a batch. Payloads are some kilobytes each.
_BATCH_ROWS = 1024


class Frames:
    """Makes data frames of one session out of Arrow."""

    def __init__(self, session: SparkSession, staging_volume: str | None = None) -> None:
        """Find out which way the session takes; nothing is written.

        `createDataFrame` of an Arrow table if Spark knows it (4.0, and Databricks' client from 16 on); else a
        Parquet file in the volume, if there is one; else pandas.
        """
        self._session = session
        self._volume = None if staging_volume is None else _folder(staging_volume)
        self.way: Way = (
            self._arrow if _takes_arrow(session) else self._pandas if self._volume is None else self._parquet
        )

    @contextmanager
    def of(self, stream: ArrowStream) -> Iterator[DataFrame]:
        """Make one data frame, which makes one file; it can be used until the context ends."""
        table = pa.table(stream)
        columns = to_spark(table.schema)
        with ExitStack() as stack:
            if table.num_rows == 0:
                frame = self._no_rows(columns)
            else:
                frames = [stack.enter_context(self.way(part, columns)) for part in _slices(table)]
                frame = functools.reduce(lambda all_, part: all_.union(part), frames)
            yield frame.coalesce(1)

    def _no_rows(self, columns: StructType) -> DataFrame:
        """A frame without rows, made by Spark itself: for an empty list it would ask a Python worker."""
        return self._session.range(0).selectExpr(
            *(f"CAST(NULL AS {column.dataType.simpleString()}) AS `{column.name}`" for column in columns)
        )

    @contextmanager
    def _arrow(self, table: pa.Table, columns: StructType) -> Iterator[DataFrame]:
        yield self._session.createDataFrame(table, columns)

    @contextmanager
    def _parquet(self, table: pa.Table, _columns: StructType) -> Iterator[DataFrame]:
        import pyarrow.parquet as pq  # noqa: PLC0415 - few need it

        if self._volume is None:
            message = "a Parquet file needs a folder"
            raise UsageError(message)
        file = self._volume / f"stripe_raw_{uuid4().hex}.parquet"
        try:
            pq.write_table(table, file, compression="zstd", compression_level=1, use_dictionary=False)
            # Whatever the session says of files that are gone: rows must not be lost.
            yield self._session.read.option("ignoreMissingFiles", "false").parquet(str(file))
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    @contextmanager
    def _pandas(self, table: pa.Table, columns: StructType) -> Iterator[DataFrame]:
        """Numbers as Python's, so that none beyond 2^53 passes through a float; moments as numbers."""
        moments = [field.name for field in table.schema if field.type == TIMESTAMP]
        numbers = pa.schema([field.with_type(pa.int64()) if field.name in moments else field for field in table.schema])
        rows = table.cast(numbers).to_pandas(integer_object_nulls=True, date_as_object=True)
        frame = self._session.createDataFrame(rows, to_spark(numbers))
        yield frame.selectExpr(
            *(f"timestamp_micros(`{name}`) AS `{name}`" if name in moments else f"`{name}`" for name in columns.names)
        )


class Selection:
    """Rows that Spark selected, as a stream of Arrow batches; it can be read once."""

    def __init__(self, rows: Iterator[Row], schema: pa.Schema) -> None:
        """Take the rows, their moments as microseconds, in the columns of `schema`. Their first batch is read now."""
        batches = _batches(rows, schema)
        # A faulty query fails at its first row: here the error is still Spark's.
        first = next(batches, None)
        self._reader = pa.RecordBatchReader.from_batches(schema, _chain(first, batches))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the stream."""
        return self._reader.__arrow_c_stream__(requested_schema)


def _takes_arrow(session: SparkSession) -> bool:
    probe = pa.table({"number": pa.array([1 << 62], pa.int64())})
    columns = to_spark(probe.schema)
    try:
        return bool(session.createDataFrame(probe, columns).schema == columns)
    except (TypeError, ValueError, AttributeError):
        return False


def _folder(volume: str) -> Path:
    folder = Path(volume)
    if not folder.is_dir():
        message = (
            f"the staging volume '{plain(volume)}' is not a folder that this process sees: name one such as "
            "/Volumes/CATALOG/SCHEMA/VOLUME, or leave the option out"
        )
        raise UsageError(message)
    return folder


def _slices(table: pa.Table) -> Iterator[pa.Table]:
    """Split a table into pieces below the limit, without copying. One row may be above it."""
    if table.nbytes <= _SLICE_BYTES or table.num_rows == 1:
        yield table
        return
    half = table.num_rows // 2
    yield from _slices(table.slice(0, half))
    yield from _slices(table.slice(half))


def _batches(rows: Iterator[Row], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    numbers = [pa.int64() if kind == TIMESTAMP else kind for kind in schema.types]
    while chunk := list(itertools.islice(rows, _BATCH_ROWS)):
        columns = [
            pa.array([row[at] for row in chunk], number).cast(kind)
            for at, (number, kind) in enumerate(zip(numbers, schema.types, strict=True))
        ]
        yield pa.record_batch(columns, schema=schema)


def _chain(first: pa.RecordBatch | None, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if first is not None:
        yield first
        yield from rest

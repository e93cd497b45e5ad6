"""Streams of the format `stripe`, as processes of Spark 4.2 plan them: an experiment.

An offset is a time of one list, `{"charges": 1767225600}`: what was created before that second has been read. It is no
cursor of Stripe: a batch that is tried again asks for the same window, from the two times that the checkpoint has.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.executors import client_at, importer
from stripe_raw_rs.spark_options import stream_of
from stripe_raw_rs.spark_partitions import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyarrow import RecordBatch
    from pyspark.sql.datasource import DataSourceStreamReader, InputPartition

    from stripe_raw_rs.executors import HeldKey
    from stripe_raw_rs.spark_partitions import Part

    Offset = dict[str, int]


def reader(key: HeldKey, settings: Mapping[str, Any], options: Mapping[str, str]) -> DataSourceStreamReader:
    """Make the reader of a stream. Raises UsageError if Spark is too old for it, or an option cannot be used.

    Its class is made here, where Spark plans: another Spark may have registered the format, as a client of Connect
    does. It is pickled by value, so that a machine without this wheel can say that it lacks it.
    """
    from pyspark.sql import datasource  # noqa: PLC0415 - Spark 3.5 lacks it

    try:
        from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow  # noqa: PLC0415
    except ModuleNotFoundError:
        message = (
            "a stream of the format stripe needs Spark 4.2 or later: before, stripe-raw run (or ingest) lands what is "
            "new in Delta tables, and Spark streams from those"
        )
        raise UsageError(message) from None

    query = stream_of(client_at(key, settings), options)
    name, first, settle = query.entity.name, query.start or 0, query.settle
    code, of_parts = importer("spark_stream"), importer("spark_partitions")

    class StripeStreamReader(datasource.DataSourceStreamReader, SupportsTriggerAvailableNow):  # type: ignore[misc]
        """Plans the batches of one stream, and reads their partitions."""

        def __init__(self) -> None:
            # The end of all batches, if the stream is to end with what is there now.
            self.end: int | None = None

        def initialOffset(self) -> Offset:  # noqa: N802 - Spark's name
            return {name: first}

        def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802 - Spark's name
            self.end = int(time.time()) - settle

        def latestOffset(self, start: Offset, limit: object) -> Offset:  # noqa: ARG002, N802 - Spark's names
            end = int(time.time()) - settle if self.end is None else self.end
            return {name: max(code().second_of(name, start), end)}

        def partitions(self, start: Offset, end: Offset) -> list[InputPartition]:
            parts = code().partitions(key, settings, options, start, end)
            return [datasource.InputPartition(part) for part in parts]

        def read(self, partition: InputPartition) -> Iterator[RecordBatch]:
            rows: Iterator[RecordBatch] = of_parts().rows(key, settings, partition.value)
            return rows

    return StripeStreamReader()


def partitions(
    key: HeldKey, settings: Mapping[str, Any], options: Mapping[str, str], start: Offset, end: Offset
) -> list[Part]:
    """Plan the tasks of a batch: what was created from one offset to another. Raises UsageError if one of them is bad.

    Spark also asks for batches without any time in them, which have no tasks.
    """
    client = client_at(key, settings)
    query = stream_of(client, options)
    first = second_of(query.entity.name, start)
    last = second_of(query.entity.name, end, first)
    return parts_of(client, settings, replace(query, start=first, end=last)) if first < last else []


def second_of(name: str, offset: object, least: int = 0) -> int:
    """Read an offset of a list, which may come from a checkpoint. Raises UsageError if it is none.

    A time in the future is none either: what is created until then would never be read.
    """
    second = offset.get(name) if isinstance(offset, dict) and len(offset) == 1 else None
    ahead = 0 if type(second) is not int else second - int(time.time())
    if ahead > 0:
        message = (
            f"the stream's checkpoint is {ahead:,} s ahead of this machine's clock: set the clock, or wait; what is "
            "created until then would never be read"
        )
        raise UsageError(message)
    if type(second) is not int or second < least:
        message = (
            f"the stream's checkpoint has the offset '{plain(json.dumps(offset))}', which is no past time of {name}: "
            "each list has a checkpoint of its own, so give another checkpointLocation"
        )
        raise UsageError(message)
    return second

"""An adapter to the interface of Databricks' community connectors. It needs none of their code."""
# ruff: noqa: ARG002 - the interface names the parameters

from __future__ import annotations

import re
import time
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core, spark_partitions
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.executors import client_at, hold, settings_of
from stripe_raw_rs.options import OPTIONS, SPARK_SOURCE
from stripe_raw_rs.spark_options import check_names, moment_of, query_of
from stripe_raw_rs.spark_stream import second_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql.types import StructType

    from stripe_raw_rs.spark_partitions import Part

    Texts = Mapping[str, str]
    Offset = Mapping[str, int] | None


class StripeConnector:
    """Each list of the key's own account as a table of raw rows. It is joined with the interface's two classes.

    A list that Stripe filters by time is of type `append`: each object once, as it is when its window is read. Offsets
    are times in seconds since 1970, so a batch that is tried again has the same window, with both ends. The other lists
    are of type `snapshot`, and read as a whole.

    The connection's options are `api_key`; `settle_seconds`, the age at which objects are read, because Stripe may show
    one late (default 3,600); and the options of requests of `register_stripe`. Those of a table are `created_gte` and
    `num_partitions`, as of the format `stripe`. Other names are ignored. Raises UsageError if something cannot be used.
    """

    def __init__(self, options: Texts) -> None:
        if "api_key" not in options:
            raise UsageError("the connection has no option api_key: give it a restricted key (rk_...) that may read")
        settle = options.get("settle_seconds", OPTIONS["lookback_seconds"].default)
        if not re.fullmatch(r"[0-9]{1,9}", settle):
            raise UsageError(f"settle_seconds must be a whole number, not '{_core.plain(settle)}'")
        # The same end for all batches of a trigger, which stops when it is reached.
        self._settled = int(time.time()) - int(settle)
        self._key = hold(_core.ApiKey(options["api_key"]))
        self._settings = settings_of({name: options[name] for name in SPARK_SOURCE if name in options})
        client_at(self._key, self._settings)

    def list_tables(self) -> list[str]:
        """Give the names of all lists of an account."""
        return [entity.name for entity in _core.entities()]

    def get_table_schema(self, table_name: str, table_options: Texts) -> StructType:
        """Give the columns of raw rows in Spark's types."""
        return spark_partitions.schema(self._key, self._settings, {"entity": table_name})

    def read_table_metadata(self, table_name: str, table_options: Texts) -> dict[str, Any]:
        """Say how a list is read, and which columns name and date its objects."""
        kind = "append" if self._entity(table_name).window == "server" else "snapshot"
        return {"ingestion_type": kind, "primary_keys": ["_stripe_id"], "cursor_field": "_stripe_created_at"}

    def read_table(self, table_name: str, start_offset: Offset, table_options: Texts) -> tuple[Any, dict[str, int]]:
        """Give an iterator of the rows from an offset on, and the next offset: the same one if nothing is new."""
        end = self.latest_offset(table_name, table_options, start_offset)
        parts = self.get_partitions(table_name, {"num_partitions": "1", **table_options}, start_offset, end)
        return chain.from_iterable(self.read_partition(table_name, part, table_options) for part in parts), end

    def latest_offset(self, table_name: str, table_options: Texts, start_offset: Offset = None) -> dict[str, int]:
        """Give the time below which objects have settled, or the start if that is later."""
        return {"created_lt": max(self._settled, second_of("created_lt", start_offset) if start_offset else 0)}

    def get_partitions(
        self, table_name: str, table_options: Texts, start_offset: Offset = None, end_offset: Offset = None
    ) -> list[Part]:
        """Plan the tasks between two offsets; without them those of all that has settled. Nothing is asked yet."""
        entity, end = self._entity(table_name), end_offset or self.latest_offset(table_name, table_options)
        query = {name: table_options[name] for name in ("created_gte", "num_partitions") if name in table_options}
        check_names(query)
        query |= {"created_lt": str(end["created_lt"])} if entity.time_field else {}
        starts = [moment_of("created_gte", query["created_gte"])] if "created_gte" in query else []
        starts += [start_offset["created_lt"]] if start_offset and entity.window == "server" else []
        if start_offset == end or (starts and entity.time_field and max(starts) >= end["created_lt"]):
            return []
        query |= {"created_gte": str(max(starts))} if starts else {}
        return spark_partitions.partitions(self._key, self._settings, {"entity": table_name, **query})

    def read_partition(self, table_name: str, partition: Part, table_options: Texts) -> Iterator[dict[str, Any]]:
        """Read the rows of a task, as JSON has them: times are texts."""
        for batch in spark_partitions.rows(self._key, self._settings, partition):
            for row in batch.to_pylist():
                yield {name: each.isoformat() if isinstance(each, datetime) else each for name, each in row.items()}

    def _entity(self, name: str) -> _core.Entity:
        return query_of(client_at(self._key, self._settings), {"entity": name}).entity

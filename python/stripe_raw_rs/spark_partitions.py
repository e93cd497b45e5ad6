"""The partitions of the format `stripe`, as processes of Spark plan and read them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stripe_raw_rs import _core
from stripe_raw_rs.accounts import account_at
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.executors import check_version, client_at, share
from stripe_raw_rs.spark_options import batch_of, query_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypedDict

    from pyspark.sql.types import StructType

    from stripe_raw_rs._core import Client
    from stripe_raw_rs.executors import HeldKey
    from stripe_raw_rs.spark_options import Query

    class Part(TypedDict):
        """What one task reads: some accounts, one after the other, and a slice of `created`."""

        entity: str
        # An id or a path to it; None is the key's own account.
        accounts: list[str | None]
        # In seconds since 1970, as those of `Client.read`.
        start: int | None
        end: int | None
        # Its share of the limits.
        limits: dict[str, Any]
        # Of the wheel that has planned it.
        version: str


def check(key: HeldKey, settings: Mapping[str, Any], options: Mapping[str, str]) -> None:
    """Raise UsageError for options of the format that cannot be used, before anything is asked."""
    query_of(client_at(key, settings), options)


def schema(key: HeldKey, settings: Mapping[str, Any], options: Mapping[str, str]) -> StructType:
    """Give the columns of the rows in Spark's types."""
    from stripe_raw_rs.tables.spark.types import to_spark  # noqa: PLC0415 - executors do not need it

    return to_spark(pa.schema(client_at(key, settings).read(options["entity"])))


def check_schema(given: StructType, own: StructType) -> None:
    """Refuse a schema of the user's own: the rows would not become it."""
    if [(field.name, field.dataType) for field in given] != [(field.name, field.dataType) for field in own]:
        message = "the format stripe has columns of its own: leave .schema(...) out, and select from the data frame"
        raise UsageError(message)


def partitions(key: HeldKey, settings: Mapping[str, Any], options: Mapping[str, str]) -> list[Part]:
    """Plan the tasks of one action."""
    client = client_at(key, settings)
    return parts_of(client, settings, batch_of(client, options))


def parts_of(client: Client, settings: Mapping[str, Any], query: Query) -> list[Part]:
    """Plan the tasks of a query: bundles of accounts, and slices of `created` if there are few accounts.

    A list has slices if Stripe filters it by time and `created_gte` says where it begins. The tasks may run all at
    once, on any machines, so each gets the same share of what one process may ask.
    """
    bundles = _split(query.accounts, query.partitions)
    windows = _windows(query, query.partitions // len(bundles))
    limits = share(client, settings, len(bundles) * len(windows))
    name, version = query.entity.name, _core.__version__
    return [
        {"entity": name, "accounts": bundle, "start": start, "end": end, "limits": limits, "version": version}
        for bundle in bundles
        for start, end in windows
    ]


def rows(key: HeldKey, settings: Mapping[str, Any], part: Part) -> Iterator[pa.RecordBatch]:
    """Read the rows of a task. Objects that cannot be rows are left out, with a warning in the log of this machine."""
    check_version(part["version"])
    client = client_at(key, {**settings, **part["limits"]})
    client.reach_by([account for account in part["accounts"] if account and "/" in account])
    for account in part["accounts"]:
        name = account and account_at(account)
        for batch in client.read(part["entity"], account=name, start=part["start"], end=part["end"]):
            yield pa.record_batch(batch)


def _split(accounts: list[str | None], number: int) -> list[list[str | None]]:
    """Split the accounts into bundles of about the same size."""
    number = min(number, len(accounts))
    return [accounts[part::number] for part in range(number)]


def _windows(query: Query, number: int) -> list[tuple[int | None, int | None]]:
    """Split the window into slices of about the same length. Each has both ends, so no row is in two of them."""
    if query.start is None or query.end is None or query.entity.window != "server":
        return [(query.start, query.end)]
    length = query.end - query.start
    number = min(number, length)
    edges = [query.start + length * part // number for part in range(number + 1)]
    return [*itertools.pairwise(edges)]

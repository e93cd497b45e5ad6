"""What an executor of Spark does: it reads the first runs of some accounts, and hands over rows and events.

Nothing is committed here. The process that asked for it commits all of them together, see `Wave`.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from stripe_raw_rs import _core
from stripe_raw_rs._core import checkpoint_schema, raw_schema
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.executors import check_version, client_at
from stripe_raw_rs.progress import drain_log
from stripe_raw_rs.text import error_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stripe_raw_rs._core import Attempt, Client
    from stripe_raw_rs.executors import HeldKey

logger = logging.getLogger("stripe_raw_rs")

EVENTS = "_events"
# Accounts that a task begins together. So many lists use the limits of requests, however short they are.
_AT_A_TIME = 64


class Fetch(NamedTuple):
    """What all tasks of a wave know; values only, since it goes to other machines."""

    entity: str
    # The accounts of each task; None is the key's own.
    tasks: tuple[tuple[str | None, ...], ...]
    # Ids with slashes between them, by which accounts are reached.
    paths: tuple[str, ...]
    # Number of the attempt that the runs belong to.
    epoch: int
    # Seconds after which a task begins no more accounts, and those after which it hands over what it has.
    seconds: tuple[float, float]
    # Keywords of `Client.attempt`.
    wishes: Mapping[str, Any]


def schema() -> pa.Schema:
    """Give the columns of what waits: those of a raw table, or the events of a group as an Arrow stream."""
    rows = [pa.field(field.name, field.type) for field in pa.schema(raw_schema())]
    return pa.schema([*rows, pa.field(EVENTS, pa.binary())])


def fetch(key: HeldKey, settings: Mapping[str, Any], values: Mapping[str, Any], task: int) -> Iterator[pa.RecordBatch]:
    """Read the lists of one task's accounts. The rows of a group come before its events; `values` are a `Fetch`.

    An error ends the runs of its account, or all of them. It is not raised: what has been read is whole, and the
    process that commits it tries to go on, and says what is wrong. So it does with runs that there was no time for.
    """
    began = time.monotonic()
    plan = Fetch(**{name: values[name] for name in Fetch._fields})
    check_version(values["version"])
    client = client_at(key, settings)
    client.reach_by(list(plan.paths))
    until, at_last = (began + seconds for seconds in plan.seconds)
    try:
        for accounts in _bundles(plan.tasks[task], until):
            with closing(_attempt(client, plan, accounts)) as attempt:
                for rows, events in attempt:
                    yield from _rows(rows)
                    yield from _events(events)
                    drain_log()
                    if time.monotonic() >= at_last:
                        return
    except StripeRawError as error:
        logger.warning("%s: %s", plan.entity, error_line(error))


def _bundles(accounts: Sequence[str | None], until: float) -> Iterator[Sequence[str | None]]:
    """Give some accounts at a time, as long as there is time. A run that has begun is read to its end."""
    for first in range(0, len(accounts), _AT_A_TIME):
        yield accounts[first : first + _AT_A_TIME]
        if time.monotonic() >= until:
            return


def _attempt(client: Client, plan: Fetch, accounts: Sequence[str | None]) -> Attempt:
    # Nothing is known of the accounts but the number of the newest attempt at the list.
    nothing = pa.schema(checkpoint_schema()).empty_table()
    histories = _core.histories([plan.entity], {plan.entity: plan.epoch - 1}, nothing)[plan.entity]
    return client.attempt(plan.entity, histories, accounts=[*accounts], in_wave=True, **plan.wishes)


def _rows(rows: _core.Rows) -> Iterator[pa.RecordBatch]:
    columns = schema()
    for batch in pa.RecordBatchReader.from_stream(rows):
        arrays = [*batch.columns, pa.nulls(batch.num_rows, pa.binary())]
        yield pa.record_batch(arrays, schema=columns)


def _events(events: _core.Checkpoint) -> Iterator[pa.RecordBatch]:
    """Give each batch of events, which is of one run and of one commit, as one row."""
    columns = schema()
    for batch in pa.RecordBatchReader.from_stream(events):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        text = pa.array([sink.getvalue().to_pybytes()], pa.binary())
        empty = [pa.nulls(1, field.type) for field in list(columns)[:-1]]
        yield pa.record_batch([*empty, text], schema=columns)


def events_of(text: bytes) -> pa.Table:
    """Read what `fetch` has made of a batch of events."""
    return pa.ipc.open_stream(text).read_all()

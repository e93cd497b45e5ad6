"""Reading one list without tables: a stream of rows for data frames, SQL and loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core
from stripe_raw_rs._core import without_secrets
from stripe_raw_rs.accounts import account_at
from stripe_raw_rs.client import client_of
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import take_key, with_environment
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.start import seconds_of, start_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self, Unpack

    from stripe_raw_rs._core import ApiKey, Reading, RecordBatch, Stream
    from stripe_raw_rs.keywords import ReadKeywords


@with_keywords("read", "entity")
def read(entity: str, **given: Unpack[ReadKeywords]) -> Stream:
    """Read one list of an account as a stream of rows, newest first. Nothing is written, and nothing is asked yet.

    The stream has `__arrow_c_stream__`, so `polars.DataFrame(stream)`, `pyarrow.table(stream)` and
    `duckdb.sql("from stream")` take it; a loop (`for`, `async for`) gives record batches. Each time, Stripe is asked
    again. Memory is bounded however long the list is: parts of it are read in parallel, but only some way ahead.

    `start` (inclusive) and `end` (exclusive) are dates, datetimes, texts of these or seconds since 1970, in UTC;
    without them the whole list is read. `columns` are those of the raw table that need no run; without it all of them.
    `stripe_account`, the key and the options are those of `ingest`, with the environment behind them. `max_requests`
    is that of one reading. Raises UsageError if something cannot be used as given.
    """
    entity = _name(entity)
    keywords = cast("dict[str, Any]", given)
    key = take_key(keywords)
    with panics_as_errors():
        return _stream(entity, key, with_environment("read", keywords))


def _name(entity: object) -> str:
    """Give the name of a list; a key that strayed in is masked, since the caller's traceback shows it."""
    if not isinstance(entity, str):
        message = "read takes the name of one list, such as charges"
        raise UsageError(message)
    return without_secrets(entity)


def _stream(entity: str, key: ApiKey | None, options: Mapping[str, Any]) -> Stream:
    client = client_of(key, options)
    start, end, account = (options.get(name) for name in ("start", "end", "stripe_account"))
    if account is not None:
        _core.check_account(account)
        if "/" in account:
            client.reach_by([account])
    return client.read(
        entity,
        account=None if account is None else account_at(account),
        start=None if start is None else start_seconds(start),
        end=None if end is None else seconds_of("end", end),
        columns=options.get("columns"),
    )


class AsyncReading:
    """One reading of a stream, for `async for`. If a wait for its next batch is given up, the batch is not lost."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def __aiter__(self) -> Self:
        """Give itself: it is one reading."""
        return self

    async def __anext__(self) -> RecordBatch:
        """Wait for the next rows."""
        while True:
            await self._reading.ready()
            batch = self._reading.poll()
            if batch is not None:
                return batch

"""The output of `query`: a table as wide as the terminal, JSON or CSV."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import date, datetime, time, timezone
from typing import TYPE_CHECKING, Any, TextIO

from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.query import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyRelation

# Rows of a table for people; DuckDB says how many there are.
_SHOWN = 40
# Width of the table if it is not shown on a terminal.
_COLUMNS = 100


def statement_of(word: str | None, stdin: TextIO) -> str:
    """Give the statement of a command line: the word itself, or what stdin has if it is `-`."""
    statement = stdin.read() if word == "-" else word or ""
    if not statement.strip():
        message = "query needs a statement: stripe-raw query 'SELECT count(*) FROM charges', or - for one on stdin"
        raise UsageError(message)
    return statement


def write(relation: DuckDBPyRelation, output: str) -> None:
    """Write all rows to stdout: `text`, or `json`, one object with the `rows`."""
    import duckdb  # noqa: PLC0415 - only a query needs it

    try:
        {"text": _text, "json": _json}[output](relation)
    except duckdb.Error as error:
        raise refusal(error) from None


def _text(relation: DuckDBPyRelation) -> None:
    relation.show(max_width=shutil.get_terminal_size((_COLUMNS, 0)).columns, max_rows=_SHOWN)


def _json(relation: DuckDBPyRelation) -> None:
    # Row by row: there may be more of them than memory.
    sys.stdout.write('{"command": "query", "rows": [')
    before = ""
    for row in _rows(relation):
        sys.stdout.write(before + json.dumps(row, default=_shown))
        before = ", "
    sys.stdout.write("]}\n")


def _rows(relation: DuckDBPyRelation) -> Iterator[dict[str, Any]]:
    """Read the rows by Arrow: DuckDB's own way needs one more package for moments."""
    names = relation.columns
    import pyarrow as pa  # noqa: PLC0415 - only a query needs it

    for batch in pa.RecordBatchReader.from_stream(relation):
        columns = [column.to_pylist() for column in batch.columns]
        yield from (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _shown(value: object) -> str:
    """A moment as RFC 3339 writes it; other values as texts."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, (datetime, date, time)) else str(value)

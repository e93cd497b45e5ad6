"""The rows of a query as JSON, batch by batch: there may be more of them than memory."""

from __future__ import annotations

import json
import math
import re
import sys
from base64 import b64encode
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.query import answered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from duckdb import DuckDBPyRelation

_ROWS_OF_A_BATCH = 2_000
# Arrow has no integers of 128 bits: DuckDB would give these as floating-point numbers. Sums of integers are such.
_HUGE = re.compile(r"\bU?HUGEINT\b")


def write_rows(batches: Iterator[list[str]], stopped: Event) -> None:
    """Write one object with the `rows`, until `stopped` is set. An error ends the line, if it has begun."""
    rows = answered(lambda: next(batches, None))
    sys.stdout.write('{"command": "query", "rows": [')
    before = ""
    try:
        while rows is not None and not stopped.is_set():
            sys.stdout.write(before + ", ".join(rows))
            before = ", "
            rows = answered(lambda: next(batches, None))
    except UsageError:
        sys.stdout.write("\n")
        raise
    sys.stdout.write("\n" if stopped.is_set() else "]}\n")


def batches_of(relation: DuckDBPyRelation) -> Iterator[list[str]]:
    """Read the rows by Arrow: DuckDB's own way needs one more package for moments."""
    names = relation.columns
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    if twice:
        message = f"in JSON each column needs a name of its own: {', '.join(map(plain, twice))} (write AS)"
        raise UsageError(message)
    types = {name: str(of) for name, of in zip(names, relation.types, strict=True)}
    huge = {name: _HUGE.sub("DECIMAL(38,0)", of) for name, of in types.items() if _HUGE.search(of)}
    if huge:
        casts = ", ".join(f"CAST({_quoted(name)} AS {of}) AS {_quoted(name)}" for name, of in huge.items())
        relation = relation.project(f"* REPLACE ({casts})")
    # Versions of DuckDB before 1.4 have the older name alone.
    read = relation.to_arrow_reader if hasattr(relation, "to_arrow_reader") else relation.fetch_record_batch
    for batch in read(_ROWS_OF_A_BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        rows = (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))
        written = [json.dumps(_value(row), allow_nan=False) for row in rows]
        if written:
            yield written


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _value(value: Any) -> Any:  # noqa: ANN401, PLR0911 - whatever a column can hold
    """A value as JSON has it: moments as RFC 3339 writes them, bytes as base64, what JSON does not have as texts."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, dict):
        return {str(name): _value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, Decimal) and value == value.to_integral_value() and value.as_tuple().exponent == 0:
        return int(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, (datetime, date, time)) else str(value)

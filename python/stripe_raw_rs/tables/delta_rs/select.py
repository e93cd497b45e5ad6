"""Reading with DataFusion's SQL: quoted names, literals of each type, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arro3.core import Schema
from deltalake import DeltaTable, QueryBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arro3.core import RecordBatchReader

    from stripe_raw_rs.tables import Condition

# Payloads are some kilobytes each: small batches keep a read of the whole table small.
_SESSION = {"datafusion.execution.batch_size": "1024"}


class Selection:
    """A stream of rows, in the column types that the table has."""

    def __init__(self, reader: RecordBatchReader, schema: Schema) -> None:
        """Keep what is read, and the schema to offer it in."""
        self.reader = reader
        self._schema = schema

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the stream, once. DataFusion reads text as views; a reader that asks for nothing gets text."""
        return self.reader.__arrow_c_stream__(requested_schema or self._schema.__arrow_c_schema__())


def select(
    table: DeltaTable,
    verb: str,
    columns: Sequence[str],
    alternatives: Sequence[Sequence[Condition]],
    limit: int | None = None,
) -> Selection:
    """Stream the chosen columns of the rows that meet all conditions of one of the alternatives; at most `limit`."""
    schema = table.schema().to_arrow()
    chosen = ", ".join(_identifier(name) for name in columns)
    most = "" if limit is None else f" LIMIT {limit}"
    reader = _execute(table, f"{verb} {chosen} FROM rows WHERE {_where(alternatives)}{most}")
    return Selection(reader, Schema([schema.field(name) for name in columns]))


def select_largest(
    table: DeltaTable, column: str, by: Sequence[str], conditions: Sequence[Condition]
) -> RecordBatchReader:
    """Read the largest value of a column, behind each combination of texts in others."""
    texts, largest = ", ".join(_identifier(name) for name in by), f"MAX({_identifier(column)})"
    where = _where([conditions])
    return _execute(table, f"SELECT {texts}, {largest} FROM rows WHERE {where} GROUP BY {texts}")  # noqa: S608 - quoted


def _execute(table: DeltaTable, statement: str) -> RecordBatchReader:
    return QueryBuilder(_SESSION).register("rows", table).execute(statement)


def _where(alternatives: Sequence[Sequence[Condition]]) -> str:
    met = (" AND ".join(_predicate(*condition) for condition in conditions) or "TRUE" for conditions in alternatives)
    return " OR ".join(f"({each})" for each in met)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _predicate(column: str, operator: str, value: str | int | list[str] | None, kind: str) -> str:
    if value is None:
        return f"{_identifier(column)} IS NULL"
    if isinstance(value, list):
        return f"{_identifier(column)} IN ({', '.join(map(_text, value))})"
    if kind == "string":
        literal = _text(str(value))
    elif kind == "timestamp":
        literal = f"to_timestamp_micros({int(value)})"
    else:
        literal = str(int(value))
    if operator == "contains":
        return f"contains({_identifier(column)}, {literal})"
    return f"{_identifier(column)} {operator} {literal}"

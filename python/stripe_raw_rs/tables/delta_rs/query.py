"""Queries over the tables of a lake: by DataFusion, and by DuckDB where JSON is taken apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from arro3.core import Schema
from deltalake import QueryBuilder

from stripe_raw_rs.exceptions import TableError, UsageError
from stripe_raw_rs.tables.delta_rs.errors import reason
from stripe_raw_rs.tables.delta_rs.select import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from deltalake import DeltaTable

    from stripe_raw_rs.tables import ArrowStream

_NAME = re.compile(r'FROM "(\w+)"|JOIN "(\w+)"')


def names_in(sql: str) -> list[str]:
    """Name the tables that a query of ours reads."""
    return list(dict.fromkeys(found[1] or found[2] for found in _NAME.finditer(sql)))


def by_datafusion(sql: str, load: Callable[[str], DeltaTable], location: str) -> Selection:
    """Run a query with delta-rs' own engine, batch by batch."""
    builder, fields = QueryBuilder(), {}
    try:
        for name in names_in(sql):
            table = load(name)
            builder.register(name, table)
            schema = table.schema().to_arrow()
            fields.update({field: schema.field(field) for field in schema.names})
        reader = builder.execute(sql)
    except Exception as error:
        message = f"tables in '{location}' cannot be read: {reason(error, location)}"
        raise TableError(message) from error
    return Selection(reader, Schema([fields.get(name, reader.schema.field(name)) for name in reader.schema.names]))


def files_of(table: DeltaTable) -> object:
    """Open a table's files for DuckDB, which reads of them only the columns and the rows that a query needs.

    To delete rows, delta-rs writes files anew, and these say that their text is a view. pyarrow compares no views. So
    the text of such a table is offered as views: DuckDB, 1.4.4 and newer, then compares it itself, and leaves only
    other comparisons to pyarrow. The footers that are read here are kept, and a query reads them anyway.
    """
    import pyarrow as pa  # noqa: PLC0415 - only queries of DuckDB need it

    views = {pa.string(): pa.string_view(), pa.binary(): pa.binary_view()}
    files: Any = table.to_pyarrow_dataset()
    types = {kind for fragment in files.get_fragments() for kind in fragment.physical_schema.types}
    if types.isdisjoint(views.values()):
        return files
    columns = [column.with_type(views.get(column.type, column.type)) for column in files.schema]
    return table.to_pyarrow_dataset(schema=pa.schema(columns))


def by_duckdb(sql: str, open_files: Callable[[str], object]) -> ArrowStream:
    """Run a query with DuckDB, which reads the files through pyarrow."""
    try:
        import duckdb  # noqa: PLC0415 - only these queries need it
        import pyarrow as pa  # noqa: F401, PLC0415 - DuckDB reads by it
    except ModuleNotFoundError as error:
        message = f"a list of single objects is taken out of JSON by DuckDB, and {error.name} is not installed here: "
        raise UsageError(message + "pip install duckdb pyarrow") from None
    connection = duckdb.connect()
    for name in names_in(sql):
        connection.register(name, open_files(name))
    relation: Any = connection.sql(sql)
    stream: ArrowStream = relation
    return stream

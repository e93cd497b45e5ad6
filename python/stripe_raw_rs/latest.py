"""The latest state of each object of a list, by the query of its view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core, markup
from stripe_raw_rs._core import plain, without_secrets
from stripe_raw_rs.dialects import DataFusion, Dialect, DuckDbNames
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import place_of, with_environment
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.text import counted, text_table
from stripe_raw_rs.value import Value
from stripe_raw_rs.views import latest_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from stripe_raw_rs._core import Entity
    from stripe_raw_rs.keywords import TablesKeywords
    from stripe_raw_rs.tables import ArrowStream

# A look shows so many rows, and so much of each payload.
_SHOWN_ROWS = 10
_SHOWN_PAYLOAD = 60


class Latest(Value):
    """The rows of a list's latest state, read anew each time that somebody asks for them.

    It is an Arrow stream: `pyarrow.table(rows)`, `polars.DataFrame(rows)`, and `FROM rows` in DuckDB take it. The
    columns are those of the raw table, with `_deleted` behind them. `sql` is the query. Printing it shows ten rows.
    """

    def __init__(self, tables: Any, entity: Entity, sql: str) -> None:  # noqa: ANN401 - tables that take queries
        """Keep the query; nothing is read yet."""
        self.entity = entity.name
        self.location: str = tables.location
        self.sql = sql
        self._tables = tables
        self._needs_json = entity.parent is not None

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Read the rows, as an Arrow stream."""
        return self._read(self.sql).__arrow_c_stream__(requested_schema)

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON: what is read, and not the rows."""
        return {"tables": self.location, "entity": self.entity, "sql": self.sql}

    def __len__(self) -> int:
        """Count the rows, deleted objects among them."""
        return int(self._values(f"SELECT count(*) AS n FROM ({self.sql}) AS latest")["n"][0])  # noqa: S608 - ours

    def __bool__(self) -> bool:
        """It is true without being read."""
        return True

    def __repr__(self) -> str:
        """Say what it would read."""
        return f"Latest({self.entity} in {self.location!r})"

    def __str__(self) -> str:
        """Show the first rows."""
        headings, rows = self._head()
        return "\n".join([text_table(headings, rows, left=len(headings)), self._said(len(rows))])

    def _repr_html_(self) -> str:
        headings, rows = self._head()
        said = markup.line(self._said(len(rows)), "muted")
        return markup.block(markup.title(self.entity, self.location), markup.table(headings, rows), said)

    def _read(self, sql: str) -> ArrowStream:
        with panics_as_errors():
            found: ArrowStream = self._tables.query(sql, needs_json=self._needs_json)
            return found

    def _values(self, sql: str) -> dict[str, list[Any]]:
        with panics_as_errors():
            found: dict[str, list[Any]] = self._tables.values(sql, needs_json=self._needs_json)
            return found

    def _head(self) -> tuple[list[str], list[tuple[str, ...]]]:
        columns = ["_parent_id", "_stripe_id"] if self._needs_json else ["_stripe_id", "_stripe_created_at", "_deleted"]
        columns.append("_raw_json")
        newest = "" if self._needs_json else "ORDER BY _stripe_created_at DESC"
        first = f"SELECT {', '.join(columns)} FROM ({self.sql}) AS latest {newest} LIMIT {_SHOWN_ROWS}"  # noqa: S608 - ours
        found = self._values(first)
        return columns, [tuple(map(_cell, row)) for row in zip(*(found[name] for name in columns), strict=True)]

    def _said(self, shown: int) -> str:
        count = len(self)
        first = f", the first {shown} of them shown" if shown < count else ""
        return f"{self.entity} in {self.location}: {counted(count, 'object')}{first}"


@with_keywords("latest", "entity")
def latest(entity: str, **given: Unpack[TablesKeywords]) -> Any:  # noqa: ANN401 - Spark's frames have no type here
    """Give the latest state of each object of a list: for a lake a `Latest`, for Spark a DataFrame.

    Its rows are those of the view `..._latest`, see `views`: the newest row of each object, and in `_deleted` whether
    the object is gone. Nothing is read until somebody asks for rows. Keywords say where the tables are, as in `ingest`,
    with the environment behind them, and `checkpoint_table`. A list of single objects needs the packages duckdb and
    pyarrow. Raises UsageError if something cannot be used as given, or if the list has not landed there.
    """
    # A key may stray in here, too, and the caller's traceback shows this variable.
    entity = without_secrets(str(entity))
    with panics_as_errors():
        return _latest(entity, with_environment("latest", cast("dict[str, Any]", given)))


def _latest(name: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401 - see above
    (entity, *others) = _core.entities(name)
    if others:
        message = f"one list has one latest state, and '{plain(name)}' names {len(others) + 1}"
        raise UsageError(message)
    tables: Any = place_of(options)
    catalog, schema = options.get("catalog"), options.get("schema")
    dialect: Dialect
    if catalog and schema:
        dialect = Dialect(catalog, schema)
    else:
        dialect = DuckDbNames(tables.location) if entity.parent else DataFusion()
    if not hasattr(tables, "query"):
        message = "these tables take no queries: read their rows, or give a lake or a catalog"
        raise UsageError(message)
    sql = latest_query(tables, dialect, entity, options.get("checkpoint_table") or _core.CHECKPOINT_TABLE)
    return tables.query(sql) if catalog and schema else Latest(tables, entity, sql)


def _cell(value: object) -> str:
    text = "" if value is None else f"{value}"
    return plain(text if len(text) <= _SHOWN_PAYLOAD else text[:_SHOWN_PAYLOAD] + "...")

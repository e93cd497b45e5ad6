"""SQL over a lake, run by DuckDB: each list is a table by its name. It reads the lake and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain, stray_secret, without_secrets
from stripe_raw_rs.dialects import DuckDbNames
from stripe_raw_rs.exceptions import StripeRawError, UsageError
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.suggestions import nearest
from stripe_raw_rs.tables import open_tables
from stripe_raw_rs.text import error_line
from stripe_raw_rs.views import queries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from stripe_raw_rs._core import Entity

Answer = TypeVar("Answer")
_NEEDED = ("duckdb", "deltalake", "pyarrow")
_ABSENT = re.compile(r"Table with name (.+?) does not exist")
# A statement of a user's reads no other file, no variable of this process and nothing of the network, and writes
# nowhere.
_LIMITS = (
    "SET TimeZone = 'UTC'",
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)
# Functions of Spark, so that the same statement runs there and here. Some payloads are no JSON to DuckDB.
_FUNCTIONS = (
    """CREATE MACRO get_json_object(json, path) AS
    CASE WHEN json_valid(json) THEN json_extract_string(json, path) END""",
    """CREATE MACRO sha2(bytes, bits) AS
    CASE WHEN bits = 256 THEN sha256(bytes) ELSE error('of sha2, only sha2(..., 256) is here') END""",
)


def query(sql: str, *, lake: str | Path, checkpoint_table: str | None = None) -> DuckDBPyRelation:
    """Run one SELECT of DuckDB's SQL over a lake, and give DuckDB's relation: `.df()`, `.pl()`, `.show()`.

    Each list has three tables: `charges`, the latest state of each object, `charges_raw`, all rows as they landed, and
    `charges_history`, all states of each object. Of `events`, all three are the rows. `checkpoints` are the events of
    all runs. Only the tables that the statement names are opened. Times are in UTC. It needs the packages duckdb,
    deltalake and pyarrow. Raises UsageError for a statement that cannot be run.
    """
    error = stray_secret({"the statement": sql, "lake": lake, "checkpoint_table": checkpoint_table or ""})
    # The caller's traceback shows these variables.
    sql, checkpoint_table = without_secrets(str(sql)), checkpoint_table and without_secrets(str(checkpoint_table))
    lake = lake if error is None else without_secrets(str(lake))
    if error is not None:
        raise error
    with panics_as_errors():
        return Queries(lake, checkpoint_table).ask(sql)


class Queries:
    """The tables of a lake, each opened in a connection when a statement names it first."""

    def __init__(self, lake: str | Path, checkpoint_table: str | None = None) -> None:
        """Open nothing but a connection. Raises UsageError if there is no lake, or no DuckDB."""
        # Those of a lake have more methods than a location needs.
        tables: Any = open_tables({"lake": lake})
        checkpoint_table = checkpoint_table or _core.CHECKPOINT_TABLE
        try:
            import duckdb  # noqa: PLC0415 - only a query needs it
            import pyarrow.dataset  # noqa: F401, PLC0415 - as above
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] not in _NEEDED:
                raise
            message = f"a query needs the package {error.name.split('.')[0]}: pip install {' '.join(_NEEDED)}"
            raise UsageError(message) from None
        if not tables.table(checkpoint_table).exists():
            message = f"'{tables.location}' holds no tables of stripe-raw: table '{checkpoint_table}' is not there"
            raise UsageError(message)
        self._tables = tables
        self._checkpoint_table = checkpoint_table
        self._opened: set[str] = set()
        self._duckdb = duckdb
        self._connection: DuckDBPyConnection = duckdb.connect(":memory:")
        for statement in (*_LIMITS, *_FUNCTIONS):
            self._connection.execute(statement)
        # What a name stands for: a table, or a view of a list.
        self._names: dict[str, str | tuple[Entity, str]] = {"checkpoints": checkpoint_table}
        self._names[checkpoint_table.lower()] = checkpoint_table
        for entity in _core.all_entities():
            self._know(entity)

    def _know(self, entity: Entity) -> None:
        name = entity.name
        self._names |= {entity.table: entity.table, f"{name}_raw": entity.table}
        is_view = name != EVENTS
        self._names[name] = (entity, "latest") if is_view else entity.table
        self._names[f"{name}_history"] = (entity, "history") if is_view else entity.table

    def ask(self, sql: str) -> DuckDBPyRelation:
        """Run a statement: it is read when the relation is."""
        statements = answered(lambda: self._connection.extract_statements(sql))
        kinds = self._duckdb.StatementType
        # PIVOT is several statements to DuckDB, and one to its reader.
        if len(statements) != 1 or statements[0].type not in (kinds.SELECT, kinds.EXPLAIN, kinds.MULTI):
            message = "a query is one SELECT: the lake is only read"
            raise UsageError(message)
        relation = self._opening(sql)
        if relation is None:
            message = "the statement has no result: a query is one SELECT"
            raise UsageError(message)
        return relation

    def interrupt(self) -> None:
        """Let what the connection is doing end with an error; another thread may ask for it."""
        self._connection.interrupt()

    def _opening(self, sql: str) -> DuckDBPyRelation | None:
        """Run a statement, and open each table that DuckDB misses in it."""
        while True:
            absent, relation = answered(lambda: self._run(sql))
            if absent is None:
                return relation
            self._open(absent)

    def _run(self, sql: str) -> tuple[str | None, DuckDBPyRelation | None]:
        """Run a statement: give the name of a table that DuckDB misses, or the result."""
        try:
            return None, self._connection.sql(sql)
        except self._duckdb.CatalogException as error:
            absent = _ABSENT.search(str(error))
            if absent is None:
                raise
            return absent[1], None

    def _open(self, name: str) -> None:
        if name.lower() in self._opened:
            message = f"a table has its bare name and no schema or catalog before it: write {plain(name)}"
            raise UsageError(message)
        self._opened.add(name.lower())
        if name.lower() not in self._names:
            message = f"the lake has no table '{plain(name)}'{nearest(name.lower(), self._landed())}"
            raise UsageError(message)
        meaning = self._names[name.lower()]
        table = meaning if isinstance(meaning, str) else meaning[0].table
        if not self._tables.table(table).exists():
            landed = ", ".join(name for name, entity in self._lists().items() if self._is_there(entity))
            message = (
                f"the lake has no table '{plain(name)}': nothing of that list has landed; it has {landed or 'none'}"
            )
            raise UsageError(message)
        if isinstance(meaning, str):
            self._connection.register(name, self._tables.dataset(table))
            return
        entity, kind = meaning
        text = queries(self._tables, DuckDbNames(""), entity, self._checkpoint_table)[kind]
        self._opening(f"CREATE TEMP VIEW {DuckDbNames('').view(name)} AS\n{text}")

    def _lists(self) -> dict[str, Entity]:
        return {entity.name: entity for entity in _core.all_entities()}

    def _is_there(self, entity: Entity) -> bool:
        return bool(self._tables.table(entity.table).exists())

    def _landed(self) -> list[str]:
        """Name what the lake has."""
        there = {entity.table for entity in _core.all_entities() if self._is_there(entity)} | {self._checkpoint_table}
        tables = {
            name: meaning if isinstance(meaning, str) else meaning[0].table for name, meaning in self._names.items()
        }
        return [name for name, table in tables.items() if table in there]


def answered(ask: Callable[[], Answer]) -> Answer:
    """Ask DuckDB; make one plain line of what it, or Arrow behind it, says of a statement or of a row.

    The error that is raised has no trace of theirs, which may quote a row.
    """
    try:
        return ask()
    except StripeRawError:
        raise
    except OSError as error:
        # Arrow's errors about a row are of this kind, without a number. Others are about the output.
        if error.errno is not None:
            raise
        line = without_secrets(str(error))
    except Exception as error:  # noqa: BLE001 - DuckDB's, Arrow's, and Python's about values that it has not
        is_duckdbs = type(error).__module__.startswith(("_duckdb", "duckdb"))
        line = without_secrets(str(error)) if is_duckdbs else error_line(error)
    raise UsageError(plain((line.strip().splitlines() or ["the query failed"])[0]))

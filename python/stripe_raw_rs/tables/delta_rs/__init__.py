"""Delta tables in a folder, written and read by delta-rs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from arro3.core import Table as ArrowTable

from stripe_raw_rs._core import enter_delta_rs
from stripe_raw_rs.tables import check_table_name
from stripe_raw_rs.tables.delta_rs.folder import LakeFolder, as_text
from stripe_raw_rs.tables.delta_rs.query import by_datafusion, by_duckdb
from stripe_raw_rs.tables.delta_rs.table import DeltaRsTable

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.tables import ArrowStream


class DeltaRsTables:
    """The tables of one lake: one folder each."""

    def __init__(self, lake: str | Path) -> None:
        """Name the lake; nothing is read or written yet."""
        self._folder = LakeFolder(lake)
        self.location = as_text(self._folder.path)
        self._tables: dict[str, DeltaRsTable] = {}
        self._lock = threading.Lock()

    def table(self, name: str) -> DeltaRsTable:
        """Name one table; the same object for the same name, so that its lock is one for the process."""
        check_table_name(name)
        enter_delta_rs()
        with self._lock:
            return self._tables.setdefault(name, DeltaRsTable(self._folder, name))

    def dataset(self, name: str) -> object:
        """Open a table's files for DuckDB, which reads of them only the columns and the rows that a query needs."""
        return self.table(name).dataset()

    def query(self, sql: str, *, needs_json: bool = False) -> ArrowStream:
        """Stream the rows of a query, which names tables in double quotes."""
        if needs_json:
            return by_duckdb(sql, self.dataset)
        return by_datafusion(sql, lambda name: self.table(name).loaded(), self.location)

    def values(self, sql: str, *, needs_json: bool = False) -> dict[str, list[Any]]:
        """Give the few values of a query, column by column."""
        found = ArrowTable.from_arrow(self.query(sql, needs_json=needs_json))
        return {name: found[name].to_pylist() for name in found.column_names}

"""Delta tables in a folder, written and read by delta-rs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stripe_raw_rs._core import enter_delta_rs
from stripe_raw_rs.tables import check_table_name
from stripe_raw_rs.tables.delta_rs.folder import LakeFolder, as_text
from stripe_raw_rs.tables.delta_rs.table import DeltaRsTable

if TYPE_CHECKING:
    from pathlib import Path


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

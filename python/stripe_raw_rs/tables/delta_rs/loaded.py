"""A table that was loaded before, caught up with the commits since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltalake import DeltaTable

from stripe_raw_rs.tables.delta_rs.folder import as_text

if TYPE_CHECKING:
    from pathlib import Path

# A table object is updated over so many versions before it is loaded again: each step makes the next one slower.
# Measured, it is the same from 10 to 40.
_STEPS = 16


class Loaded:
    """The table in a folder, at its newest version, without reading its whole log each time."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is read yet."""
        self._folder = folder
        self._last: tuple[DeltaTable, int] | None = None

    def take(self) -> DeltaTable:
        """Give the table as it is now, and forget it: unless it is put back, it is loaded again.

        Catching up takes a tenth of the time that the whole log takes, and looking for the next commit next to none. If
        other hands have put another table in its place, or an older one, the log does not hold the newest commit that
        we know: the table is then read from its beginning.
        """
        last, self._last = self._last, None
        if last is not None and self._is_committed(last[0].version()):
            table, self._loaded_at = last
            # The versions of a table have no gaps.
            if not self._is_committed(table.version() + 1):
                return table
            if table.version() < self._loaded_at + _STEPS:
                table.update_incremental()
                return table
        table = DeltaTable(as_text(self._folder))
        self._loaded_at = table.version()
        return table

    def put_back(self, table: DeltaTable) -> None:
        """Keep the table that was taken, for the next time."""
        self._last = table, self._loaded_at

    def is_there(self) -> bool:
        """Say whether the table is there without reading it: False means that only a look at the folder can say."""
        last = self._last
        return last is not None and self._is_committed(last[0].version())

    def _is_committed(self, version: int) -> bool:
        return (self._folder / "_delta_log" / f"{version:020}.json").exists()

    def forget(self) -> None:
        """Load the table again the next time."""
        self._last = None

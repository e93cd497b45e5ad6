"""The sizes of the tables: what a reader opens."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core
from stripe_raw_rs._core import one_line
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from stripe_raw_rs.tables import Size, Table, Tables

HEADINGS = ("table", "rows", "files", "MB", "log entries")


@dataclass(frozen=True, eq=False)
class TableSize(Value):
    """One table: its rows, and how many files and log entries a reader opens. None is a number that nobody can know."""

    table: str
    rows: int | None = None
    files: int | None = None
    bytes: int | None = None
    log_entries: int | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        """Its row of the table."""
        megabytes = "-" if self.bytes is None else f"{self.bytes / 1e6:,.1f}"
        counts = (self.rows, self.files, self.log_entries)
        rows, files, entries = ("-" if number is None else f"{number:,}" for number in counts)
        return self.table, rows, files, megabytes, entries


@panics_as_errors()
def sizes(tables: Tables, checkpoint_table: str | None = None) -> list[TableSize]:
    """Measure the checkpoint table, and the raw tables that are there."""
    names = [checkpoint_table or _core.CHECKPOINT_TABLE, *(entity.table for entity in _core.all_entities())]
    found = (_size_or_error(tables.table(name)) for name in names)
    return [size for size in found if size is not None]


def _size_or_error(table: Table) -> TableSize | None:
    """Measure one table; None if it is not there. If it cannot be read, the error takes the place of its numbers."""
    # Tables of a caller's own may have no such method.
    measure: Callable[[], Size | None] | None = getattr(table, "size", None)
    try:
        with panics_as_errors():
            if not table.exists():
                return None
            size = None if measure is None else measure()
    except StripeRawError as error:
        return TableSize(table.name, error=one_line(error))
    return TableSize(table.name) if size is None else TableSize(table.name, **size._asdict())

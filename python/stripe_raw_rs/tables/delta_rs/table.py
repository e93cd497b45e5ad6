"""One Delta table in a folder, written and read by delta-rs."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.tables import CommitUnknownError, fenced
from stripe_raw_rs.tables.delta_rs.commit import outcome_of, write
from stripe_raw_rs.tables.delta_rs.definition import add_columns, create_table, has_columns
from stripe_raw_rs.tables.delta_rs.errors import reason
from stripe_raw_rs.tables.delta_rs.features import require_appendable
from stripe_raw_rs.tables.delta_rs.folder import as_text
from stripe_raw_rs.tables.delta_rs.joint import JointCommits
from stripe_raw_rs.tables.delta_rs.loaded import Loaded
from stripe_raw_rs.tables.delta_rs.log import emptied, has_rows, missing_data, unreadable
from stripe_raw_rs.tables.delta_rs.query import files_of
from stripe_raw_rs.tables.delta_rs.select import select, select_largest
from stripe_raw_rs.tables.delta_rs.upkeep import maintain, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from arro3.core import RecordBatchReader

    from stripe_raw_rs._core import Promise, Schema
    from stripe_raw_rs.tables import ArrowSchema, ArrowStream, Commit, Condition, Damage, Kept, Outcome, Size
    from stripe_raw_rs.tables.delta_rs.folder import LakeFolder
    from stripe_raw_rs.tables.delta_rs.joint import Waiting
    from stripe_raw_rs.tables.delta_rs.select import Selection


# Each write holds a group's columns a second time, encoded. Two at once keep up with any limit of Stripe's, and memory
# small.
_WRITING = threading.Semaphore(2)


class DeltaRsTable:
    """One table of a lake."""

    skips_silently = False

    def __init__(self, lake: LakeFolder, name: str) -> None:
        """Name the table; nothing is read or written yet."""
        self.name = name
        self._folder = lake.table(name)
        self.location = as_text(self._folder)
        self._lake = lake
        self._commits = JointCommits(self._write)
        # Not one for both: an append compares with its table object, and nobody may update that meanwhile.
        self._to_write, self._to_read = Loaded(self._folder), Loaded(self._folder)
        self._read_lock = threading.Lock()

    def exists(self) -> bool:
        """Say whether the table is there."""
        with self._reading():
            return self._to_read.is_there() or DeltaTable.is_deltatable(self.location)

    def create(self, schema: Schema, properties: Mapping[str, str], description: str) -> None:
        """Create the table, append-only, if it is absent; `properties()` shows whose properties it has."""
        self._lake.require_writable(self._folder)
        if self.exists():
            require_appendable(self._load(), self.location)
            return
        try:
            create_table(self.location, schema, properties, description)
        except (DeltaError, OSError) as error:
            # Two processes may create it at the same moment; the loser uses what the winner made.
            if not self.exists():
                message = f"table '{self.location}' cannot be created: {reason(error, self.location)}"
                raise TableError(message) from error

    def damage(self) -> Damage | None:
        """Find out what is wrong with the table's files."""
        return self._blocking() or emptied(self._folder)

    def _blocking(self) -> Damage | None:
        """Find out what keeps the table from being read."""
        try:
            return unreadable(self._folder) or missing_data(DeltaTable(self.location), self._folder)
        except Exception:  # noqa: BLE001 - the question failed already, and that error is reported
            return None

    def properties(self) -> dict[str, str]:
        """Read the table's properties."""
        return dict(self._load().metadata().configuration)

    def set_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties to the table, or give them other values."""
        try:
            # stripe_raw.* are not keys of Delta's.
            self._load().alter.set_table_properties(dict(properties), raise_if_not_exists=False)
        except (DeltaError, OSError) as error:
            message = f"table '{self.location}' cannot be given its properties: {reason(error, self.location)}"
            raise TableError(message) from error

    def add_columns(self, schema: Schema) -> None:
        """Add columns that all allow null, with their comments; columns that are there already are left."""
        try:
            add_columns(self._load(), schema)
        except (DeltaError, OSError) as error:
            # Two processes may add them at the same moment.
            if not has_columns(self._load(), schema):
                message = f"table '{self.location}' cannot be given its columns: {reason(error, self.location)}"
                raise TableError(message) from error

    def schema(self) -> ArrowSchema:
        """Read the table's columns."""
        return self._load().schema().to_arrow()

    def append(self, commit: Commit) -> None:
        """Append by compare-and-swap, see `Table.append`.

        delta-rs checks a transaction's version only against commits after the snapshot of the table object that
        writes. So loading, comparing and writing go through the same object; writing by path would check nothing.
        """
        if self._commits.append(commit) == "superseded":
            raise fenced(self)

    def _write(self, waiting: Sequence[Waiting]) -> None:
        try:
            table = self._to_write.take()
            for one in waiting:
                one.outcome = outcome_of(table, one.commit)
            absent = [one.commit for one in waiting if one.outcome == "absent"]
            if absent:
                with _WRITING:
                    write(table, absent)
            self._to_write.put_back(table)
        except Exception as error:
            message = f"table '{self.location}': {reason(error, self.location)}"
            raise CommitUnknownError(message) from error

    def maintain(self) -> str | None:
        """Write small files together and shorten the log, if there are many files or commits."""
        if not self.exists():
            return None
        with self._commits.alone(), self._reading():
            self._to_write.forget()
            return maintain(self._load(), self._folder)

    def size(self) -> Size | None:
        """Count the table's files and the entries of its log."""
        with self._reading():
            return size_of(self._load(), self._folder)

    def outcome(self, commit: Commit) -> Outcome:
        """Look up the outcome of a commit."""
        with self._reading():
            return outcome_of(self._load(), commit)

    def kept(self, promise: Promise) -> Kept:
        """Say how many of the rows that events report are still there, by the transaction's version."""
        table = self._load()
        versions = (table.transaction_version(app_id) for app_id in promise.app_ids)
        stored = max((version for version in versions if version is not None), default=None)
        has_version = stored is not None and stored >= promise.version and has_rows(table)
        if has_version and not promise.needs_rows:
            return "all"
        if not self._any(table, promise.any_rows):
            # Other accounts have rows in it.
            return "all" if has_version and promise.is_of_table(_created_at_micros(table)) else "none"
        if has_version:
            return "all"
        # Without a transaction it is a copy of the rows, or a table whose owner let its transactions expire.
        return "all" if stored is None and self._any(table, promise.newest_rows) else "some"

    def read(self, columns: Sequence[str], conditions: Sequence[Condition]) -> ArrowStream:
        """Stream the rows that meet all conditions; batch by batch, so the table may be larger than memory."""
        return self.read_any(columns, [conditions])

    def read_any(self, columns: Sequence[str], alternatives: Sequence[Sequence[Condition]]) -> ArrowStream:
        """Stream the rows that meet all conditions of one of the alternatives."""
        return self._select(self._load(), "SELECT", columns, alternatives)

    def largest(
        self, column: str, by: Sequence[str], conditions: Sequence[Condition]
    ) -> dict[tuple[str | None, ...], int]:
        """Find the largest value of a column for each combination of texts in others."""
        with self._reading():
            found = _tuples(select_largest(self._load(), column, by, conditions))
        return {row[:-1]: row[-1] for row in found}

    def distinct(self, columns: Sequence[str], conditions: Sequence[Condition]) -> list[tuple[str | None, ...]]:
        """List the different values of some text columns."""
        with self._reading():
            rows = set(_tuples(self._select(self._load(), "SELECT DISTINCT", columns, [conditions]).reader))
        return sorted(rows, key=lambda row: [(cell is not None, cell) for cell in row])

    def _any(self, table: DeltaTable, conditions: Sequence[Condition]) -> bool:
        """Say whether any row meets all conditions; the first one found is enough."""
        with self._reading():
            found = self._select(table, "SELECT", [conditions[0][0]], [conditions], limit=1).reader
            return any(batch.num_rows > 0 for batch in found)

    def _select(
        self,
        table: DeltaTable,
        verb: str,
        columns: Sequence[str],
        alternatives: Sequence[Sequence[Condition]],
        limit: int | None = None,
    ) -> Selection:
        with self._reading():
            return select(table, verb, columns, alternatives, limit=limit)

    def loaded(self) -> DeltaTable:
        """Give the table as it is now, to be read."""
        return self._load()

    def dataset(self) -> object:
        """Give the files of the table as it is now, as pyarrow reads them."""
        table = self._load()
        with self._reading():
            return files_of(table)

    def _load(self) -> DeltaTable:
        with self._read_lock, self._reading():
            table = self._to_read.take()
            self._to_read.put_back(table)
            return table

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise errors of delta-rs as this table's. Its errors in a query have no class of their own."""
        try:
            yield
        except TableError:
            raise
        except TableNotFoundError:
            message = f"table '{self.location}' does not exist"
            raise TableError(message) from None
        except Exception as error:
            damage = self._blocking()
            why = reason(error, self.location) if damage is None else f"{damage.what}; {damage.remedy}"
            message = f"table '{self.location}' cannot be read: {why}"
            raise TableError(message) from error


def _created_at_micros(table: DeltaTable) -> int:
    return table.metadata().created_time * 1_000


def _tuples(batches: RecordBatchReader) -> list[tuple[Any, ...]]:
    return [row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]

"""The raw table of one entity: opened with care, appended to, read back for recovery and audits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.commit import commit
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.surface import option
from stripe_raw_rs.tables import WaitingRows, asked, is_current, present, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stripe_raw_rs._core import Attempt, Audit, Client, Entity, History, Promise, Rows
    from stripe_raw_rs.tables import ArrowStream, Condition, Damage, Kept, Tables


class RawWriter:
    """The raw table of one entity."""

    def __init__(self, tables: Tables, entity: Entity, store_id: str) -> None:
        """Name the table and the lake's `store_id` that it must carry. Nothing is read or written yet."""
        self.entity = entity
        self._table = tables.table(entity.table)
        self._store_id = store_id
        self._is_checked = False
        self._is_current = False
        self._is_created = False
        self._columns = _core.raw_schema().names
        self.location = self._table.location

    def check(self) -> bool:
        """Say whether the table is there. Refuse one with other columns, and one that belongs to another lake."""
        self._is_checked = self._table.exists()
        if self._is_checked:
            ours, columns = _core.raw_schema(), self._table.schema()
            difference = ours.difference(columns)
            if difference is not None:
                message = (
                    f"table '{self.location}' has another schema: {difference}; mend the column, or move the table "
                    f"away and land everything again with {option('from_scratch')}"
                )
                raise TableError(message)
            properties = self._table.properties()
            _core.check_raw_table(properties, self._store_id, self.location)
            self._columns, self._is_current = present(ours, columns), is_current(ours, columns, properties)
        return self._is_checked

    def create(self) -> None:
        """Create the table if it is absent, and give one of an earlier layout the columns that it lacks; once."""
        if self._is_created:
            return
        self._table.create(
            _core.raw_schema(),
            {"stripe_raw.store_id": self._store_id, "stripe_raw.layout_version": _core.LAYOUT_VERSION},
            f"Stripe {self.entity.path}, every object as sent; append-only",
        )
        if not self._is_checked:
            # Another process may have been faster.
            self.check()
        if not self._is_current:
            upgrade(self._table, _core.raw_schema())
        self._is_created = True

    def kept(self, promise: Promise) -> Kept:
        """Say how many of the rows that events report are still there; "none" if the table is not there."""
        return self._table.kept(promise) if self._is_checked else "none"

    def fence(self, rows: Rows) -> None:
        """Make a commit without rows under this attempt's first version: older attempts can then commit nothing."""
        commit(self._table, rows)

    def append(self, rows: Rows) -> None:
        """Commit the rows of a group; a group without rows needs no commit."""
        if len(rows) > 0:
            commit(self._table, rows)

    def append_waiting(self, rows: Rows, frame: object, count: int) -> None:
        """Commit rows that are with the engine already, as its frame; none need no commit."""
        if count > 0:
            commit(self._table, WaitingRows(rows, frame, count))

    def is_of_same_account(self, client: Client, history: History) -> bool:
        """Ask whether the key's list still has the objects that landed last; False if nobody can say."""
        newest = history.newest_rows
        return newest is not None and asked(
            self._table, lambda: client.is_same_account(history, self._table.read(["_stripe_id"], newest))
        )

    def read(
        self, take: Callable[[ArrowStream], None], columns: Sequence[str], alternatives: Sequence[Sequence[Condition]]
    ) -> None:
        """Give `take` some columns of the rows that meet one of the alternatives, if there are any alternatives."""
        if alternatives:
            asked(self._table, lambda: take(self._table.read_any(columns, alternatives)))

    def recover(self, attempt: Attempt, alternatives: Sequence[Sequence[Condition]]) -> None:
        """Give some rows to the recovery of the runs that go on."""
        self.read(attempt.recover_rows, _core.RECOVERY_COLUMNS, alternatives)

    def compare(self, attempt: Attempt) -> None:
        """Give an attempt the rows that its list may show again, or that are due: unchanged ones land no more."""
        self.read(attempt.add_due, _core.DUE_COLUMNS, attempt.due_rows())
        self.read(attempt.compare, _core.OVERLAP_COLUMNS, attempt.overlap())

    def audit(self, audit: Audit) -> None:
        """Give all rows to an audit."""
        asked(self._table, lambda: audit.add_rows(self._table.read(self._columns, [])))

    def damage(self) -> Damage | None:
        """Find out what is wrong with the table's files."""
        return self._table.damage()

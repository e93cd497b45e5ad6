"""The states of a list's accounts, as one row with counts and a line for each account that needs a look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import markup
from stripe_raw_rs.text import counted, date_time, first_of
from stripe_raw_rs.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stripe_raw_rs.entity_status import EntityStatus

HEADINGS = (
    "entity",
    "state",
    "objects",
    "newest created",
    "changes followed to",
    "last event",
    "attempt",
    "pages",
    "last run",
)
# The state of several accounts is the first of these that one of them has.
_WORST_FIRST = ("unreadable", "failed", "unfinished", "given up", "never ran", "complete")


@dataclass(frozen=True, eq=False)
class ListStatus(Value):
    """A list, with the states of its accounts: one or many. Times are seconds since 1970."""

    entity: str
    accounts: tuple[EntityStatus, ...]

    @property
    def state(self) -> str:
        """The state of its last run; of many accounts the gravest."""
        states = {account.state for account in self.accounts}
        return next((state for state in _WORST_FIRST if state in states), min(states))

    @property
    def is_wrong(self) -> bool:
        """Whether the last run of an account has failed, or cannot be read."""
        return self.state in ("unreadable", "failed")

    @property
    def pages(self) -> int:
        """Pages of the last run, over all accounts."""
        return sum(account.pages for account in self.accounts)

    @property
    def rows(self) -> int:
        """Objects that the last run has landed, over all accounts."""
        return sum(account.rows for account in self.accounts)

    @property
    def watermark(self) -> int | None:
        """The newest creation time that was seen."""
        return _largest(account.watermark for account in self.accounts)

    @property
    def next_run(self) -> str:
        """What the next run will do; of many accounts, each different answer."""
        return "; ".join(dict.fromkeys(account.next_run for account in self.accounts))

    @property
    def error(self) -> str | None:
        """The last error; of many accounts the first that has one."""
        return next((account.error for account in self.accounts if account.error is not None), None)

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        return {"entity": self.entity, "accounts": [account.to_dict() for account in self.accounts]}

    def __repr__(self) -> str:
        """Say the list, its state and its rows."""
        many = f" of {len(self.accounts):,} accounts" if len(self.accounts) > 1 else ""
        return f"ListStatus({self.entity}{many}: {self.state}, {counted(self.rows, 'row')})"

    def __str__(self) -> str:
        """Show its lines."""
        return "\n".join([f"{self.entity}: {self.state}, {counted(self.rows, 'row')}", *self.lines()])

    def _repr_html_(self) -> str:
        head = markup.line(f"{self.entity}: {self.state}", "bad" if self.is_wrong else "good")
        return markup.block(head, markup.lines(self.lines(), "muted"))

    def cells(self) -> tuple[str, ...]:
        """Its row of the table."""
        if len(self.accounts) == 1:
            return self.accounts[0].cells()
        complete = sum(account.state == "complete" for account in self.accounts)
        is_held = any(account.holder is not None for account in self.accounts)
        return (
            self.entity,
            f"{complete:,} of {len(self.accounts):,} complete{', running' if is_held else ''}",
            f"{self.rows:,}",
            date_time(self.watermark),
            # As far as the changes of all accounts were followed.
            date_time(min((row.followed_to for row in self.accounts if row.followed_to is not None), default=None)),
            date_time(_largest(account.last_event for account in self.accounts)),
            "-",
            f"{self.pages:,}",
            counted(len(self.accounts), "account"),
        )

    def lines(self) -> Iterator[str]:
        """Lines about the next run, errors and refused objects; of many accounts, of those that are not complete."""
        if len(self.accounts) == 1:
            yield from _lines(self.accounts[0])
            return
        held = [account for account in self.accounts if account.holder is not None]
        if held:
            newest = max(held, key=lambda account: account.last_event or 0)
            yield f"{self.entity}: {newest.holder} works on it (last sign of life {date_time(newest.last_event)} UTC)"
        open_ones = [account for account in self.accounts if account.state != "complete"]
        states = Counter(account.state for account in open_ones)
        complete = f"{len(self.accounts) - len(open_ones):,} of {counted(len(self.accounts), 'account')} complete"
        parts = [complete, *(f"{number:,} {state}" for state, number in states.most_common())]
        yield f"{self.entity}: {', '.join(parts)}"
        said = [f"{row.label}: {row.state}" + (f": {row.error}" if row.error else "") for row in open_ones]
        yield from first_of(said, f"{self.entity}: ")
        yield from _refused(self.entity, self.accounts)


def by_list(found: Iterable[EntityStatus]) -> list[ListStatus]:
    """Put the accounts of each list together; the lists keep their order."""
    return [ListStatus(name, tuple(rows)) for name, rows in groupby(found, key=lambda row: row.entity)]


def _lines(row: EntityStatus) -> Iterator[str]:
    if row.holder is not None:
        yield f"{row.label}: {row.holder} works on it (last sign of life {date_time(row.last_event)} UTC)"
    yield f"{row.label}: next: {row.next_run}" + (f"; last error: {row.error}" if row.error else "")
    yield from _refused(row.label, [row])


def _refused(label: str, rows: Sequence[EntityStatus]) -> list[str]:
    refused = [(row, line.removeprefix(f"{row.entity}: ")) for row in rows for line in row.refused]
    return first_of([f"{row.label}: refused: {line}" for row, line in refused], f"{label}: refused: ")


def _largest(moments: Iterable[int | None]) -> int | None:
    return max((moment for moment in moments if moment is not None), default=None)

"""What the next run would do: values, and a table for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from stripe_raw_rs import _core, markup
from stripe_raw_rs._core import one_line
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.text import counted, date_time, rfc3339, skipped_line, text_table
from stripe_raw_rs.value import Listing, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADINGS = ("entity", "permission", "created since", "objects", "requests", "minutes", "share")
_COLUMNS = 100
# What a narrower terminal has no room for, the least missed first.
_SPARE = ("share", "minutes")
_MINUTE = 60
# Objects that nobody has counted: a word before the number.
_ACCURACY = {"exact": "", "about": "about ", "at least": "more than "}
_PERMISSION = {"readable": "yes", "permission missing": "missing", "not available": "no list", "failed": "failed"}


@dataclass(frozen=True, eq=False)
class PlannedList(Value):
    """One list: what its next run would do, and what that would cost.

    `objects`, `requests` and `seconds_at_limit` are None if nobody has asked; of several accounts, `objects` are those
    of the key's own, and `requests` the least that all of them need.
    """

    entity: str
    # As `check` says it; None if nothing was asked of the list.
    state: Literal["readable", "permission missing", "not available", "failed"] | None = None
    permission: str | None = None
    next_run: str = "-"
    run_id: str | None = None
    # Lower end of the window, in seconds since 1970; None if it is open.
    start_created_gte: int | None = None
    # Whether anything would run, and so has a window.
    runs: bool = False
    objects: int | None = None
    accuracy: Literal["exact", "about", "at least"] | None = None
    requests: int | None = None
    seconds_at_limit: float | None = None
    # Runs that go on or are given up first, new runs, and accounts in which nothing seems to have happened.
    continued: int = 0
    new: int = 0
    without_news: int = 0
    requests_sent: int = 0
    warnings: tuple[str, ...] = ()
    # Why the list would be skipped, although nothing is wrong: the account does not have it.
    skipped: str | None = None
    error: str | None = None
    is_held: bool = False

    @property
    def share(self) -> float | None:
        """The share of the reads that Stripe allots to the smallest account for 30 days; 1 is all of them."""
        return None if self.requests is None else self.requests / _core.SMALLEST_ALLOCATION

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        start = self.start_created_gte
        return {**asdict(self), "start_created_gte": rfc3339(start), "share": self.share}

    def cells(self, *, to_the_day: bool) -> tuple[str, ...]:
        """Its row of the table."""
        since = date_time(self.start_created_gte)[: 10 if to_the_day else 16]
        window = since if self.start_created_gte is not None else "the beginning" if self.runs else "-"
        objects = "-" if self.objects is None else f"{_ACCURACY[self.accuracy or 'exact']}{self.objects:,}"
        permission = "held" if self.is_held else "-" if self.state is None else _PERMISSION[self.state]
        requests = "-" if self.requests is None else f"{self.requests:,}"
        return self.entity, permission, window, objects, requests, _minutes(self.seconds_at_limit), _percent(self.share)

    def __repr__(self) -> str:
        """Say the list, and what its next run would do."""
        return f"PlannedList({self.entity}: {self.error or self.next_run})"

    def __str__(self) -> str:
        """Show its row, and what the row has no room for."""
        return "\n".join(["  ".join(self.cells(to_the_day=False)), *self.lines()])

    def lines(self) -> Iterator[str]:
        """What the table has no room for: the error, or the run that goes on and the warnings."""
        if self.error is not None:
            yield self.error
        elif self.continued + self.new + self.without_news > 1:
            runs = [(self.continued, "go on"), (self.new, "new"), (self.without_news, "without news so far")]
            parts = ", ".join(f"{number:,} {what}" for number, what in runs if number)
            yield f"{self.entity}: {counted(self.continued + self.new + self.without_news, 'account')}: {parts}"
        elif self.run_id is not None:
            yield f"{self.entity}: {self.next_run}"
        yield from (f"{self.entity}: {warning}" for warning in self.warnings)


@dataclass(frozen=True, eq=False)
class Plan(Listing[PlannedList]):
    """What the next run would do. Its text is a table for people, with a line for each thing to know."""

    location: str
    origin: str
    mode: str
    stripe_account: str | None
    accounts: int
    entities: tuple[PlannedList, ...]
    # Whether later changes of objects are followed: their number is not known yet.
    follows: bool
    # What all lists take together; None if nothing limits them.
    seconds_at_limit: float | None

    @property
    def failing(self) -> list[PlannedList]:
        """The lists that a run would fail at."""
        return [planned for planned in self.entities if planned.error is not None]

    @property
    def exit_code(self) -> int:
        """0 if a run could go on with all lists, 1 if it would fail at one."""
        return 1 if self.failing else 0

    @property
    def requests(self) -> int:
        """Requests that all lists need together, as far as it is known."""
        return sum(planned.requests or 0 for planned in self.entities)

    @property
    def requests_sent(self) -> int:
        """Requests that were sent to the lists to find all this out."""
        return sum(planned.requests_sent for planned in self.entities)

    def raise_for_status(self) -> None:
        """Raise StripeRawError if a run would fail at a list."""
        if self.failing:
            raise StripeRawError("; ".join(str(planned.error) for planned in self.failing), summary=self._would_fail())

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        return {
            "tables": self.location,
            "origin": self.origin,
            "mode": self.mode,
            "stripe_account": self.stripe_account,
            "accounts": self.accounts,
            "exit_code": self.exit_code,
            "requests": self.requests,
            "requests_sent": self.requests_sent,
            "seconds_at_limit": self.seconds_at_limit,
            "share": self.requests / _core.SMALLEST_ALLOCATION,
            "entities": [planned.to_dict() for planned in self.entities],
        }

    def __repr__(self) -> str:
        """Say the place, and what it adds up to."""
        lists = counted(len(self.entities), "list")
        return f"Plan({self.location!r}: {counted(self.requests, 'request')} for {lists})"

    def _repr_html_(self) -> str:
        failing = [number for number, planned in enumerate(self.entities) if planned.error is not None]
        lines = [(planned, one_line(line)) for planned in self.entities for line in planned.lines()]
        wrong = f"; {self._would_fail()}" if failing else ""
        return markup.block(
            markup.title(f"{self._requests()} for {counted(len(self.entities), 'list')}{wrong}", self.location),
            markup.table(
                _HEADINGS,
                [planned.cells(to_the_day=False) for planned in self.entities],
                numbers=_HEADINGS[3:],
                bad=failing,
            ),
            markup.lines((line for planned, line in lines if planned.error is not None), "bad"),
            markup.lines((line for planned, line in lines if planned.error is None), "muted"),
            markup.lines(self._sums(), "muted"),
        )

    def table(self, columns: int | None = None) -> str:
        """Show the table, at most 100 columns wide: if it would be wider, its windows begin with days."""
        most = min(columns or _COLUMNS, _COLUMNS)
        table = text_table(_HEADINGS, [planned.cells(to_the_day=False) for planned in self.entities], left=3)
        if max(map(len, table.splitlines())) <= most:
            return table
        rows = [planned.cells(to_the_day=True) for planned in self.entities]
        return text_table(_HEADINGS, rows, left=3, columns=columns, spare=_SPARE)

    def __str__(self) -> str:
        """Show all of it."""
        return self.to_text()

    def to_text(self, columns: int | None = None) -> str:
        """Show the table, within so many columns, what it leaves out, and what it adds up to."""
        lines = [one_line(line) for planned in self.entities for line in planned.lines()]
        return "\n".join([self.table(columns), *lines, *self._sums()])

    def _would_fail(self) -> str:
        names = ", ".join(planned.entity for planned in self.failing)
        return f"{len(self.failing)} of {counted(len(self.entities), 'list')} would fail ({names})"

    def _requests(self) -> str:
        return f"{counted(self.requests, 'request')}{' at least' if self._is_more() else ''}"

    def _sums(self) -> Iterator[str]:
        skipped = [planned.entity for planned in self.entities if planned.skipped is not None]
        if skipped:
            yield skipped_line(skipped, "would be skipped")
        time = "" if self.seconds_at_limit is None else f", {_time(self.seconds_at_limit)} at the limit"
        share = _percent(self.requests / _core.SMALLEST_ALLOCATION)
        objects = sum(planned.objects or 0 for planned in self.entities)
        yield f"in all: {counted(objects, 'object')}, {self._requests()}{time}"
        yield f"share: {share} of the smallest account's {_core.SMALLEST_ALLOCATION:,} reads in 30 days;"
        yield "an account with more than 20 transactions in that time has 500 for each of them"
        if self.accounts > 1:
            yield f"{self.accounts:,} accounts, one request each at least; only the key's own was asked"
        if self.follows:
            yield "changes of older objects come on top: the run learns of them from the events"
        yield f"nothing was written; {counted(self.requests_sent, 'request')} asked for this"

    def _is_more(self) -> bool:
        return self.accounts > 1 or any(planned.accuracy == "at least" for planned in self.entities)


def _minutes(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return "<1" if seconds < _MINUTE else f"{round(seconds / _MINUTE):,}"


def _time(seconds: float) -> str:
    return "less than a minute" if seconds < _MINUTE else counted(round(seconds / _MINUTE), "minute")


def _percent(share: float | None) -> str:
    """A share in percent, with one digit after the point if it is small."""
    if share is None:
        return "-"
    percent = 100 * share
    return f"{percent:.2f} %" if percent < 1 else f"{percent:,.0f} %"

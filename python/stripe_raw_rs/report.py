"""The outcome of one call for several entities: values, a table for people, and one exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stripe_raw_rs import markup
from stripe_raw_rs.entity_result import HEADINGS, EntityResult, State, number_cells
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.text import counted, skipped_line, text_table
from stripe_raw_rs.value import Listing

# The exit code of several entities is the first of these that one of them has.
_WORST_FIRST = (130, 1, 2, 75)
# What a narrow terminal has no room for, the least missed first.
_SPARE = ("pages", "objects/s", "MB", "retries", "requests", "seconds", "newest created")
_STATES_NAMED: tuple[State, ...] = ("failed", "held", "interrupted")
# What to do next, by exit code.
_NEXT = {
    0: "next: run again whenever you like, it lands what is new; status and verify look at the tables",
    1: "next: see the errors, then run again, it goes on after the last commit",
    2: "next: mend what the errors name, then run again",
    75: "next: run again when the other process is done",
    130: "next: run again, it goes on after the last commit",
}


@dataclass(frozen=True, eq=False)
class Report(Listing[EntityResult]):
    """The outcome of `ingest`: `report["charges"]` is that of one list. Printing it shows a table, a notebook HTML.

    `location` is where the tables are. `rates` are requests a second over all lists, at moments in seconds since the
    beginning, and `rate_limit` is the most that the options allowed; None for no limit.
    """

    location: str
    entities: tuple[EntityResult, ...]
    duration_seconds: float
    rates: tuple[tuple[float, float], ...] = ()
    rate_limit: float | None = None

    @property
    def exit_code(self) -> int:
        """0 all complete; else 130 interrupted, 1 failed, 2 usage, 75 held by another process, in this order."""
        codes = {result.exit_code for result in self.entities}
        return next((code for code in _WORST_FIRST if code in codes), max(codes, default=0))

    @property
    def summary(self) -> str:
        """One line about how the lists ended, with the names of those that did not complete."""
        if len(self.entities) == 1:
            return f"{self.entities[0].entity} {self.entities[0].state}"
        count = len(self.entities) - len(self.skipped)
        ended = {state: [result.entity for result in self.entities if result.state == state] for state in _STATES_NAMED}
        named = [(len(names), f"{state} ({', '.join(names)})") for state, names in ended.items() if names]
        of = f"of {counted(len(self.entities), 'list')}"
        (number, first), *others = named or [(count, "complete")]
        others += [(len(self.skipped), "skipped")] * bool(self.skipped)
        return ", ".join([f"{number} {of} {first}", *(f"{number} {state}" for number, state in others)])

    @property
    def skipped(self) -> tuple[str, ...]:
        """Names of the lists that the account does not have, and that nobody named."""
        return tuple(result.entity for result in self.entities if result.state == "skipped")

    def raise_for_status(self) -> None:
        """Raise the first error that has the exit code, with the lines of the other errors added."""
        if self.exit_code == 0:
            return
        wrong = [result for result in self.entities if result.error is not None]
        first = next(result for result in wrong if result.exit_code == self.exit_code)
        lines = "; ".join(result.message or "" for result in (first, *(r for r in wrong if r is not first)))
        kind = type(first.error) if isinstance(first.error, StripeRawError) else StripeRawError
        fields = {name: getattr(first.error, name, None) for name in ("status", "code", "request_id")}
        raise kind(lines, **fields, summary=self.summary) from first.error

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        return {
            "tables": self.location,
            "exit_code": self.exit_code,
            "duration_seconds": round(self.duration_seconds, 3),
            "entities": [result.to_dict() for result in self.entities],
        }

    def __str__(self) -> str:
        """Show the summary table, and one line for each thing that went wrong."""
        messages = [result.message for result in self.entities if result.message is not None]
        return "\n".join([self.table(), *messages])

    def table(self, columns: int | None = None) -> str:
        """Show the numbers, within so many columns, and the notices; the errors are reported elsewhere."""
        rows = [result.cells() for result in self.entities if result.state != "skipped"]
        return "\n".join([text_table(HEADINGS, rows, columns=columns, spare=_SPARE), *self._notices()])

    def _notices(self) -> list[str]:
        notices = [notice for result in self.entities for notice in result.notices]
        if self.skipped:
            notices.append(skipped_line(self.skipped, "skipped"))
        return notices

    def __repr__(self) -> str:
        """Say the place, how the lists ended, and the rows."""
        rows = counted(sum(result.rows for result in self.entities), "row")
        return f"Report({self.location!r}: {self.summary}, {rows})"

    def _repr_html_(self) -> str:
        shown = [result for result in self.entities if result.state != "skipped"]
        messages = [result.message for result in self.entities if result.message is not None]
        return markup.block(
            markup.title(self.summary, f"{self.location}, {self.duration_seconds:.1f} s"),
            markup.table(
                HEADINGS,
                [result.cells() for result in shown],
                numbers=HEADINGS[2:-1],
                bad=[number for number, result in enumerate(shown) if result.error is not None],
                total=("in all", "", *number_cells(shown, self.duration_seconds), "") if len(shown) > 1 else (),
            ),
            markup.chart(self.rates, name="answered requests a second", limit=self.rate_limit),
            markup.lines(messages, "bad"),
            markup.lines(self._notices(), "muted"),
            markup.line(_NEXT.get(self.exit_code, _NEXT[1]), "muted"),
        )


class IngestInterrupted(KeyboardInterrupt):
    """Ctrl-C ended `ingest` in good order: all that had been read is committed, and the next run goes on from there.

    Attributes:
        report: the outcome of each list.

    """

    def __init__(self, report: Report) -> None:
        """Keep the report."""
        super().__init__(f"all that had been read is committed; {report.summary}")
        self.report = report

    def __reduce__(self) -> tuple[type[IngestInterrupted], tuple[Report]]:
        """Make it from the report again, in the parent of the process that raised it."""
        return IngestInterrupted, (self.report,)

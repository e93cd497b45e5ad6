"""The outcome of one call for several entities: values, a table for people, and one exit code."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from stripe_raw_rs.account_outcomes import AccountOutcomes
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.text import counted, date_time, error_line, text_table

State: TypeAlias = Literal["complete", "skipped", "failed", "held", "interrupted"]

# The exit code of several entities is the first of these that one of them has.
_WORST_FIRST = (130, 1, 2, 75)
_STATES_NAMED: tuple[State, ...] = ("failed", "held", "interrupted")
_STATES: dict[int, State] = {0: "complete", 75: "held", 130: "interrupted"}
_HEADINGS = (
    "entity",
    "state",
    "pages",
    "objects",
    "unchanged",
    "objects/s",
    "requests",
    "retries",
    "MB",
    "seconds",
    "newest created",
)


@dataclass(frozen=True)
class EntityResult:
    """The outcome of one entity, over all attempts of this call.

    `rows` is the number of objects that landed, and `unchanged` that of the objects that were listed again and did not:
    their newest rows have the same content.
    """

    entity: str
    run_id: str | None = None
    pages: int = 0
    rows: int = 0
    unchanged: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    seconds: float = 0.0
    watermark: int | None = None
    undated: int = 0
    refused: int = 0
    # Older objects that had changed or were due; of the rows those that were in events, and of these the deletions.
    changed: int = 0
    from_events: int = 0
    deleted: int = 0
    accounts: AccountOutcomes = field(default_factory=AccountOutcomes)
    # Why the list was skipped, although nothing went wrong: the account does not have it.
    skipped: str | None = None
    error: BaseException | None = field(default=None, repr=False, compare=False)

    @property
    def exit_code(self) -> int:
        """The exit code that `stripe-raw` would have for this entity alone."""
        return 0 if self.error is None else getattr(self.error, "exit_code", 1)

    @property
    def state(self) -> State:
        """The state in which it ended."""
        if self.skipped is not None:
            return "skipped"
        return _STATES.get(self.exit_code, "failed")

    @property
    def is_idle(self) -> bool:
        """Whether nothing had to be asked: no object shows less than the whole of its list."""
        return self.requests == 0 and self.error is None and self.skipped is None

    @property
    def error_class(self) -> str | None:
        """The class of the error, as a RUN_FAILED event carries it."""
        return None if self.error is None else getattr(self.error, "error_class", "Internal")

    @property
    def message(self) -> str | None:
        """One line about the error, with the entity's name first."""
        if self.error is None:
            return None
        line = error_line(self.error)
        return line if line.startswith(f"{self.entity}: ") else f"{self.entity}: {line}"

    @property
    def notices(self) -> list[str]:
        """Lines about changes that were followed, and about rows that are odd and did land."""
        lines = []
        if self.accounts.accounts > 1 and self.error is None:
            lines.append(f"{self.entity}: {self.accounts.line()}")
        if self.changed:
            ways = f"{self.from_events:,} landed from events, {self.deleted:,} of them deleted"
            lines.append(f"{self.entity}: {counted(self.changed, 'older object')} had changed or were due; {ways}")
        if self.undated:
            odd = counted(self.undated, "object")
            lines.append(f"{self.entity}: {odd} landed without a usable time, see _stripe_created_at")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        values = asdict(EntityResult(**{**vars(self), "error": None}))
        del values["error"]
        said = {name: getattr(self, name) for name in ("state", "error_class", "message", "exit_code")}
        return {**values, "seconds": round(self.seconds, 3), **said}

    def cells(self) -> tuple[str, ...]:
        """Its row of the summary table."""
        speed = (self.rows + self.unchanged) / self.seconds if self.seconds > 0 else 0.0
        numbers = (self.pages, self.rows, self.unchanged, round(speed), self.requests, self.retries)
        return (
            self.entity,
            self.state,
            *(f"{number:,}" for number in numbers),
            f"{self.bytes / 1e6:,.1f}",
            f"{self.seconds:.1f}",
            date_time(self.watermark),
        )


@dataclass(frozen=True)
class Report:
    """The outcome of `ingest`. Printing it shows a table; a notebook shows it as one."""

    location: str
    entities: tuple[EntityResult, ...]
    seconds: float

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
            "seconds": round(self.seconds, 3),
            "entities": [result.to_dict() for result in self.entities],
        }

    def __str__(self) -> str:
        """Show the summary table, and one line for each thing that went wrong."""
        messages = [result.message for result in self.entities if result.message is not None]
        return "\n".join([self.table(), *messages])

    def table(self) -> str:
        """Show the numbers and the notices; the errors are reported elsewhere."""
        rows = [result.cells() for result in self.entities if result.state != "skipped"]
        return "\n".join([text_table(_HEADINGS, rows), *self._notices()])

    def _notices(self) -> list[str]:
        notices = [notice for result in self.entities for notice in result.notices]
        if self.skipped:
            lists = counted(len(self.skipped), "list")
            notices.append(f"{lists} skipped, because the account does not have them: {', '.join(self.skipped)}")
        return notices

    def _repr_html_(self) -> str:
        rows = [_HEADINGS, *(result.cells() for result in self.entities if result.state != "skipped")]
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        messages = [result.message for result in self.entities if result.message is not None]
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in (*self._notices(), *messages))
        return f"<p>{html.escape(self.location)}</p><table>{body}</table>{lines}"


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

"""What a run of several entities came to: values, a table for people, and one exit code."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import StripeRawError

if TYPE_CHECKING:
    from collections.abc import Sequence

State: TypeAlias = Literal["complete", "failed", "held", "interrupted"]

# The exit code of several entities is the first of these that one of them has.
_WORST_FIRST = (130, 1, 2, 75)
_STATES: dict[int, State] = {0: "complete", 75: "held", 130: "interrupted"}
_HEADINGS = (
    "entity",
    "state",
    "pages",
    "objects",
    "objects/s",
    "requests",
    "retries",
    "MB",
    "seconds",
    "newest created",
)


@dataclass(frozen=True)
class EntityResult:
    """What one entity came to, over all attempts of this call."""

    entity: str
    run_id: str | None = None
    pages: int = 0
    rows: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    seconds: float = 0.0
    watermark: int | None = None
    undated: int = 0
    refused: int = 0
    error: BaseException | None = field(default=None, repr=False, compare=False)

    @property
    def exit_code(self) -> int:
        """What `stripe-raw` would exit with for this entity alone."""
        return 0 if self.error is None else getattr(self.error, "exit_code", 1)

    @property
    def state(self) -> State:
        """How it ended."""
        return _STATES.get(self.exit_code, "failed")

    @property
    def error_class(self) -> str | None:
        """The name of what went wrong, as a RUN_FAILED event carries it."""
        return None if self.error is None else getattr(self.error, "error_class", "Internal")

    @property
    def message(self) -> str | None:
        """One line on what went wrong, the entity's name first."""
        if self.error is None:
            return None
        line = error_line(self.error)
        return line if line.startswith(f"{self.entity}: ") else f"{self.entity}: {line}"

    @property
    def notice(self) -> str | None:
        """One line on rows that are odd and did land."""
        if not self.undated:
            return None
        return (
            f"{self.entity}: {counted(self.undated, 'object')} without a time that can be used, see _stripe_created_at"
        )

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        values = asdict(EntityResult(**{**vars(self), "error": None}))
        del values["error"]
        said = {name: getattr(self, name) for name in ("state", "error_class", "message", "exit_code")}
        return {**values, "seconds": round(self.seconds, 3), **said}

    def cells(self) -> tuple[str, ...]:
        """Its row of the summary table."""
        speed = self.rows / self.seconds if self.seconds > 0 else 0.0
        numbers = (self.pages, self.rows, round(speed), self.requests, self.retries)
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
    """What `ingest` did. Printing it shows a table; in a notebook it is one."""

    place: str
    entities: tuple[EntityResult, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 all complete; else 130 interrupted, 1 failed, 2 usage, 75 held by another process, in this order."""
        codes = {result.exit_code for result in self.entities}
        return next((code for code in _WORST_FIRST if code in codes), max(codes, default=0))

    def raise_for_status(self) -> None:
        """Raise what the exit code stands for; the first such error, with the others' lines added."""
        if self.exit_code == 0:
            return
        wrong = [result for result in self.entities if result.error is not None]
        first = next(result for result in wrong if result.exit_code == self.exit_code)
        lines = "; ".join(result.message or "" for result in (first, *(r for r in wrong if r is not first)))
        kind = type(first.error) if isinstance(first.error, StripeRawError) else StripeRawError
        fields = {name: getattr(first.error, name, None) for name in ("status", "code", "request_id")}
        raise kind(lines, **fields) from first.error

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        return {
            "tables": self.place,
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "entities": [result.to_dict() for result in self.entities],
        }

    def __str__(self) -> str:
        """Show the summary table, and one line for each thing that went wrong."""
        return "\n".join([text_table(_HEADINGS, [result.cells() for result in self.entities]), *self._lines()])

    def _lines(self) -> list[str]:
        """What is to be said of single entities beside their numbers."""
        said = (line for result in self.entities for line in (result.notice, result.message))
        return [line for line in said if line is not None]

    def _repr_html_(self) -> str:
        rows = [_HEADINGS, *(result.cells() for result in self.entities)]
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self._lines())
        return f"<p>{html.escape(self.place)}</p><table>{body}</table>{lines}"


def error_line(error: BaseException) -> str:
    """One plain line on an error; of an unforeseen one with its type."""
    return plain(error) if isinstance(error, StripeRawError) else plain(f"{type(error).__name__}: {error}")


def counted(number: int, thing: str, things: str = "") -> str:
    """A number of things: `1 page`, `2 pages`; `things` where more than one are not called like one with an s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def date_time(seconds: int | None) -> str:
    """Seconds since 1970 as a date-time in UTC; a dash for none, and for what no calendar holds."""
    try:
        return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        return "-"


def text_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under headings: the first two columns to the left, numbers to the right."""
    table = [headings, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    left = 2
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )

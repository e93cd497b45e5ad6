"""The outcome of one entity: counters, and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stripe_raw_rs import markup
from stripe_raw_rs.account_outcomes import AccountOutcomes
from stripe_raw_rs.text import counted, date_time, error_line, rfc3339
from stripe_raw_rs.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

State: TypeAlias = Literal["complete", "skipped", "failed", "held", "interrupted"]

_STATES: dict[int, State] = {0: "complete", 75: "held", 130: "interrupted"}
HEADINGS = (
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


@dataclass(frozen=True, eq=False)
class EntityResult(Value):
    """The outcome of one entity, over all attempts of this call.

    `rows` is the number of objects that landed, and `unchanged` that of the objects that were listed again and did not:
    their newest rows have the same content. `bytes` are those of the answers. `watermark` is the newest creation time
    that was seen, in seconds since 1970.
    """

    entity: str
    run_id: str | None = None
    pages: int = 0
    rows: int = 0
    unchanged: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    duration_seconds: float = 0.0
    watermark: int | None = None
    undated: int = 0
    refused: int = 0
    # Older objects that events report or that were due, changed or not; of the rows those that were in events, and of
    # these the deletions.
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
            older = counted(self.changed, "older object")
            lines.append(f"{self.entity}: looked at {older} that events report or that were due; {ways}")
        if self.undated:
            odd = counted(self.undated, "object")
            lines.append(f"{self.entity}: {odd} landed without a usable time, see _stripe_created_at")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        values = asdict(EntityResult(**{**vars(self), "error": None}))
        del values["error"]
        said = {name: getattr(self, name) for name in ("state", "error_class", "message", "exit_code")}
        times = {"duration_seconds": round(self.duration_seconds, 3), "watermark": rfc3339(self.watermark)}
        return {**values, **times, **said}

    def __repr__(self) -> str:
        """Say the list, its end and its rows."""
        return f"EntityResult({self.entity}: {self.state}, {counted(self.rows, 'row')})"

    def __str__(self) -> str:
        """Say the same as a line, with what went wrong."""
        numbers = f"{counted(self.rows, 'row')}, {self.unchanged:,} unchanged, {self.duration_seconds:.1f} s"
        return self.message or f"{self.entity}: {self.state}, {numbers}"

    def _repr_html_(self) -> str:
        kind = "bad" if self.error is not None else "good"
        return markup.block(markup.line(str(self), kind), markup.lines(self.notices, "muted"))

    def cells(self) -> tuple[str, ...]:
        """Its row of the summary table."""
        return (self.entity, self.state, *number_cells([self], self.duration_seconds), date_time(self.watermark))


def number_cells(of: Sequence[EntityResult], seconds: float) -> tuple[str, ...]:
    """Write the numbers of one list, or of several together."""
    names = ("pages", "rows", "unchanged", "requests", "retries", "bytes")
    pages, rows, unchanged, requests, retries, size = (sum(getattr(one, name) for one in of) for name in names)
    speed = (rows + unchanged) / seconds if seconds > 0 else 0.0
    numbers = (pages, rows, unchanged, round(speed), requests, retries)
    return (*(f"{number:,}" for number in numbers), f"{size / 1e6:,.1f}", f"{seconds:.1f}")

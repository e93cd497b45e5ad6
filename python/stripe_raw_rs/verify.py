"""An audit of all lists, as one answer, with what to do about its findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from stripe_raw_rs import accounts as account_names
from stripe_raw_rs import markup
from stripe_raw_rs.audit import EntityAudit, audits
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import place_of, with_environment
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.surface import with_options
from stripe_raw_rs.text import counted, first_of
from stripe_raw_rs.value import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from stripe_raw_rs.keywords import VerifyKeywords

# Each remedy, after the kinds of findings that it helps with. An unreadable table names its own remedy, and a window of
# the future needs none.
_REMEDIES = (
    ({"rows missing", "altered"}, "your log of erasures explains what was erased on purpose"),
    (
        {"rows missing", "altered", "twice", "table gone", "change missing"},
        "restore the tables from a backup, or move the raw table away and land everything again with {from_scratch}",
    ),
    (
        {"event missing", "unknown run", "gap", "completed twice", "attempt", "watermark"},
        "restore the checkpoint table from a backup, or land everything again into another lake",
    ),
)
_HEADINGS = ("entity", "accounts", "runs", "pages", "rows", "findings")


class FindingOfList(NamedTuple):
    """One finding of an audit of many lists, with the list that it is about."""

    entity: str
    kind: str
    message: str


@dataclass(frozen=True, eq=False)
class Verification(Listing[EntityAudit]):
    """The result of `verify`: `verification["charges"]` is the audit of one list. Its text says what was found.

    `location` is where the tables are.
    """

    location: str
    entities: tuple[EntityAudit, ...]

    @property
    def findings(self) -> tuple[FindingOfList, ...]:
        """All findings: each has `entity`, `kind` and `message`, and is a tuple of these."""
        return tuple(FindingOfList(audit.entity, *finding) for audit in self.entities for finding in audit.findings)

    @property
    def exit_code(self) -> int:
        """The exit code of `stripe-raw verify`: 1 if there is a finding, else 0."""
        return TableError.exit_code if self.findings else 0

    def raise_for_status(self) -> None:
        """Raise TableError if there are findings, and say what to do."""
        if self.findings:
            raise TableError(self._said())

    def _said(self) -> str:
        kinds = {kind for _, kind, _ in self.findings}
        remedies = [with_options(remedy) for helped, remedy in _REMEDIES if helped & kinds]
        message = f"{counted(len(self.findings), 'finding')} in '{self.location}'{': ' if remedies else ''}"
        return message + "; for the rest ".join(remedies)

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        rows = [audit.to_dict() for audit in self.entities]
        return {"tables": self.location, "exit_code": self.exit_code, "entities": rows}

    def __repr__(self) -> str:
        """Say the place, and how many findings there are."""
        what = counted(len(self.findings), "finding") if self.findings else "no findings"
        return f"Verification({self.location!r}: {what} in {counted(len(self.entities), 'list')})"

    def __str__(self) -> str:
        """Show what was checked and found, list by list, and what to do."""
        lines = [line for audit in self.entities for line in audit.lines()]
        return "\n".join([*lines, self._said() if self.findings else "no findings"])

    def _repr_html_(self) -> str:
        rows = [
            (
                audit.entity,
                *("-" if number is None else f"{number:,}" for number in audit.numbers),
                f"{len(audit.findings):,}",
            )
            for audit in self.entities
        ]
        notes = [f"{audit.entity}: {note}" for audit in self.entities for note in audit.notes]
        wrong = [number for number, audit in enumerate(self.entities) if audit.findings]
        what = counted(len(self.findings), "finding") if self.findings else "no findings"
        return markup.block(
            markup.title(what, self.location),
            markup.table(_HEADINGS, rows, numbers=_HEADINGS[1:], bad=wrong),
            markup.lines((line for number in wrong for line in self.entities[number].lines()), "bad"),
            markup.lines(first_of(notes), "muted"),
            markup.line(f"next: {self._said()}" if self.findings else "next: nothing, the tables are whole", "muted"),
        )


@with_keywords("verify")
def verify(**given: Unpack[VerifyKeywords]) -> Verification:
    """Audit the tables, from the tables alone: every payload is hashed again, every page and every run is whole.

    It reads all rows. No key is needed, and nothing is sent to Stripe. It does not raise because of what it finds: the
    answer's `raise_for_status()` does. Keywords are the options of `stripe-raw verify`, with the environment behind
    them: the place of the tables as in `ingest`; `accounts`, without them all; `checkpoint_table`. Raises UsageError if
    something cannot be used as given, or if there are no tables of this package.
    """
    with panics_as_errors():
        return run_verify(with_environment("verify", cast("dict[str, Any]", given)))


@panics_as_errors()
def run_verify(options: Mapping[str, Any], say: Callable[[str], None] = lambda _line: None) -> Verification:
    """Do what `verify` does with exactly these keywords, and say the lines of each list as soon as it is audited."""
    tables, found = place_of(options), []
    for audit in audits(tables, options.get("checkpoint_table"), account_names.named(options)):
        found.append(audit)
        for line in audit.lines():
            say(line)
    return Verification(tables.location, tuple(found))

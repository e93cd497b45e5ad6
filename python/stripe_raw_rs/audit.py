"""An audit of the tables, from the tables alone. The compiled half has the rules; this module feeds it."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from stripe_raw_rs import _core, markup
from stripe_raw_rs._core import one_line
from stripe_raw_rs.accounts import among
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.state_store import StateStore
from stripe_raw_rs.text import counted, first_of
from stripe_raw_rs.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stripe_raw_rs._core import Audit, AuditedEvents, Entity
    from stripe_raw_rs.tables import Tables

logger = logging.getLogger("stripe_raw_rs")


class EntityFinding(NamedTuple):
    """One thing that the audit of a list found wrong: its kind, e.g. "altered", and a line."""

    kind: str
    message: str


@dataclass(frozen=True, eq=False)
class EntityAudit(Value):
    """The outcome of the audit of one entity.

    `findings` have `kind` and `message`, and are pairs of these. `accounts`, `runs`, `pages` and `rows` are those that
    were seen; None if it could not be audited.
    """

    entity: str
    accounts: int | None
    runs: int | None
    pages: int | None
    rows: int | None
    findings: tuple[EntityFinding, ...]
    notes: tuple[str, ...]

    @property
    def numbers(self) -> tuple[int | None, ...]:
        """Accounts, runs, pages and rows that were seen."""
        return self.accounts, self.runs, self.pages, self.rows

    def lines(self) -> list[str]:
        """Give its lines for people; of many findings and notes only the first ones."""
        what = counted(len(self.findings), "finding")
        if self.runs is None or self.pages is None or self.rows is None:
            head = f"{self.entity}: not audited: {what}"
        else:
            whole = "every payload hashed again, every page whole, pages chained, no row twice, completed runs covered"
            accounts = [counted(self.accounts, "account")] if self.accounts and self.accounts > 1 else []
            counts = (*accounts, counted(self.runs, "run"), counted(self.pages, "page"), counted(self.rows, "row"))
            head = f"{self.entity}: {', '.join(counts)}: {what if self.findings else whole}"
        return [
            head,
            *first_of([f"  {kind}: {message}" for kind, message in self.findings], "  "),
            *first_of([f"  note: {note}" for note in self.notes], "  note: "),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        findings = [finding._asdict() for finding in self.findings]
        return {**asdict(self), "findings": findings, "notes": list(self.notes)}

    def __repr__(self) -> str:
        """Say the list and what was found."""
        return f"EntityAudit({self.entity}: {counted(len(self.findings), 'finding')})"

    def __str__(self) -> str:
        """Show its lines."""
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return markup.block(markup.lines(self.lines(), "bad" if self.findings else "good"))


def audits(
    tables: Tables, checkpoint_table: str | None = None, accounts: Sequence[str] | None = None
) -> Iterator[EntityAudit]:
    """Audit one entity of these tables after the other; an entity that cannot be audited is a finding."""
    state = StateStore(tables, None, checkpoint_table)
    narrowed = among(accounts, state)
    only = None if narrowed is None else [*narrowed]
    known = {entity for entity, _ in state.entities()}
    events = _followed_events(tables, state)
    for entity in _core.all_entities():
        try:
            with panics_as_errors():
                fed = _core.Audit(entity.name, only)
                if events is not None:
                    fed.follow(events)
                audit = _audit(tables, state, entity, fed, is_known=entity.name in known)
        except StripeRawError as error:
            finding = EntityFinding("unreadable", one_line(error))
            audit = EntityAudit(entity.name, None, None, None, None, (finding,), ())
        if audit is not None:
            yield audit


def _followed_events(tables: Tables, state: StateStore) -> AuditedEvents | None:
    """Read the events that lists have followed; None if there are none, or if their own audit says why not."""
    (entity,) = _core.entities(EVENTS)
    raw, events = RawWriter(tables, entity, state.store_id), _core.AuditedEvents()
    try:
        with panics_as_errors():
            if not raw.check():
                return None
            raw.read(events.add, _core.AUDITED_EVENT_COLUMNS, [[]])
    except StripeRawError:
        return None
    return events


def _add_parents(audit: Audit, tables: Tables, state: StateStore, entity: Entity) -> None:
    """Give an audit the rows of the objects that have the list. If they cannot be read, their own audit says why."""
    for parent in (each for each in _core.all_entities() if each.name == entity.parent):
        raw = RawWriter(tables, parent, state.store_id)
        try:
            with panics_as_errors():
                if raw.check():
                    raw.read(audit.add_parents, _core.AUDITED_PARENT_COLUMNS, [[]])
        except StripeRawError as error:
            logger.debug("%s: its parents cannot be read: %s", entity.name, one_line(error))


def _audit(
    tables: Tables,
    state: StateStore,
    entity: Entity,
    audit: Audit,
    *,
    is_known: bool,
) -> EntityAudit | None:
    raw = RawWriter(tables, entity, state.store_id)
    is_there = raw.check()
    if not is_there and not is_known:
        return None
    state.audit(audit, entity.name)
    _add_parents(audit, tables, state, entity)
    if is_there:
        raw.audit(audit)
    else:
        audit.without_table()
    findings = tuple(EntityFinding(finding.kind, one_line(finding.message)) for finding in audit.finish())
    notes = tuple(one_line(note) for note in audit.notes)
    return EntityAudit(entity.name, audit.accounts, audit.runs, audit.pages, audit.rows, findings, notes)

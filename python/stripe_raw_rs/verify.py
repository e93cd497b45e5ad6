"""An audit of the tables, from the tables alone. The rules are the compiled half's; this feeds it and prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import StripeRawError, TableError
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.state_store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stripe_raw_rs._core import Audit, Entity
    from stripe_raw_rs.tables import Tables

# More findings of one entity than anyone reads; the rest is counted.
_SHOWN = 20


@panics_as_errors()
def verify(tables: Tables, *, say: Callable[[str], None], checkpoint_table: str | None = None) -> None:
    """Audit all entities of these tables, say what was checked and found, and raise TableError on any finding."""
    state = StateStore(tables, None, checkpoint_table)
    known = {entity for entity, _ in state.entities()}
    findings = sum(_verify_entity(tables, state, entity, say, known) for entity in _core.entities("all"))
    if findings:
        message = (
            f"{_counted(findings, 'finding')} in '{tables.location}': your log of erasures explains what was erased on "
            "purpose; for the rest restore the tables from a backup, or move the raw table away and land everything "
            "again with --from-scratch"
        )
        raise TableError(message)
    say("no findings")


def _verify_entity(
    tables: Tables, state: StateStore, entity: Entity, say: Callable[[str], None], known: set[str]
) -> int:
    """Audit one entity, and count what is wrong. That it cannot be audited is its own finding, and no other's."""
    audit = _core.Audit(entity.name)
    try:
        raw = RawWriter(tables, entity, state.store_id)
        is_there = raw.check()
        if not is_there and entity.name not in known:
            return 0
        state.audit(audit, entity.name)
        if is_there:
            raw.audit(audit)
        else:
            audit.without_table()
    except StripeRawError as error:
        say(f"{entity.name}: not audited: 1 finding")
        say(f"  unreadable: {plain(error)}")
        return 1
    findings = audit.finish()
    lines = [f"{finding.kind}: {plain(finding.message)}" for finding in findings]
    _say_audited(entity, audit, lines, say)
    return len(lines)


def _say_audited(entity: Entity, audit: Audit, findings: Sequence[str], say: Callable[[str], None]) -> None:
    what = (
        _counted(len(findings), "finding")
        if findings
        else "every payload hashed again, every page whole, pages chained, no row twice, completed runs covered"
    )
    counts = ", ".join([_counted(audit.runs, "run"), _counted(audit.pages, "page"), _counted(audit.rows, "row")])
    say(f"{entity.name}: {counts}: {what}")
    for finding in findings[:_SHOWN]:
        say(f"  {finding}")
    if len(findings) > _SHOWN:
        say(f"  and {len(findings) - _SHOWN:,} more")
    for note in audit.notes:
        say(f"  note: {plain(note)}")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

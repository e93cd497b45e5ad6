"""An audit of the tables, from the tables alone. The rules are the compiled half's; this feeds it and prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.state_store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from stripe_raw_rs._core import Entity
    from stripe_raw_rs.tables import Tables

# More findings of one entity than anyone reads; the rest is counted.
_SHOWN = 20


def verify(tables: Tables, *, say: Callable[[str], None], checkpoint_table: str | None = None) -> None:
    """Audit all entities of these tables, say what was checked and found, and raise TableError on any finding."""
    state = StateStore(tables, None, checkpoint_table)
    known = {entity for entity, _ in state.entities()}
    findings = 0
    for entity in _core.entities("all"):
        if entity.name in known or tables.table(entity.table).exists():
            findings += _verify_entity(tables, state, entity, say)
    if findings:
        message = f"{findings:,} findings in '{tables.location}': what they say does not hold there"
        raise TableError(message)
    say("no findings")


def _verify_entity(tables: Tables, state: StateStore, entity: Entity, say: Callable[[str], None]) -> int:
    audit = _core.Audit(entity.name)
    raw = RawWriter(tables, entity, state.store_id)
    audit.add_events(state.all_events(entity.name))
    if raw.check():
        audit.add_rows(raw.read_all())
    findings = audit.finish()
    say(
        f"{entity.name}: {audit.runs:,} runs, {audit.pages:,} pages, {audit.rows:,} rows: every payload hashed again, "
        f"every page whole, pages chained, no row twice, completed runs covered: {len(findings):,} findings"
    )
    for finding in findings[:_SHOWN]:
        say(f"  {finding.kind}: {plain(finding.message)}")
    if len(findings) > _SHOWN:
        say(f"  and {len(findings) - _SHOWN:,} more")
    for note in audit.notes:
        say(f"  note: {plain(note)}")
    return len(findings)

"""The objects whose lists a run asks for, as they have landed: the runs of their own list come first."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stripe_raw_rs._core import Attempt, Entity, Histories, ParentRows
    from stripe_raw_rs.state_store import StateStore
    from stripe_raw_rs.tables import Tables

logger = logging.getLogger("stripe_raw_rs")


class FollowedParents:
    """What has landed of the objects whose lists this call asks for."""

    def __init__(
        self, tables: Tables, state: StateStore, lists: Sequence[Entity], histories: Mapping[str, Histories]
    ) -> None:
        """Name the lists of the call, and give the histories that they, and the lists of their parents, had before."""
        self._tables = tables
        self._state = state
        self._asked = {entity.parent for entity in lists if not entity.is_shown}
        self._ended = {entity.name: threading.Event() for entity in lists}
        self._entities = {entity.name: entity for entity in _core.all_entities()}
        self._rows = {name: history.parent_rows for name, history in histories.items()}

    def are_asked(self, entity: Entity) -> bool:
        """Say whether this call asks for lists that the objects of that list have and do not show."""
        return entity.name in self._asked

    def landed(self, name: str, attempt: Attempt) -> None:
        """Take over what the runs of that list have landed that are complete."""
        self.add(name, attempt.landed_parents)

    def add(self, name: str, rows: ParentRows) -> None:
        """Take over what complete runs of that list have landed."""
        before = self._rows.get(name)
        self._rows[name] = rows if before is None else before.and_newer(rows)

    def has_ended(self, name: str) -> None:
        """Let the lists go on that wait for that list. Its run may have failed: then they follow what is there."""
        self._ended[name].set()

    def rows(self, entity: Entity) -> ParentRows | None:
        """Say what has landed of a list's parents, after their run in this call; None for no complete run."""
        if entity.parent is None:
            return None
        if entity.parent in self._ended:
            self._ended[entity.parent].wait()
        elif not self._rows.get(entity.parent):
            message = "%s: no run of %s is complete, so nothing is asked: land %s, too"
            logger.warning(message, entity.name, entity.parent, entity.parent)
        return self._rows.get(entity.parent)

    def give(self, attempt: Attempt, entity: Entity) -> None:
        """Give the runs that are about to begin the rows of the parents that they ask, if they ask any."""
        if not attempt.asks_parents or entity.parent is None:
            return
        raw = RawWriter(self._tables, self._entities[entity.parent], self._state.store_id)
        if not raw.check():
            message = f"table '{raw.location}' is not there, and the run asks for lists of its objects: restore it"
            raise TableError(message)
        raw.read(attempt.add_shown, _core.SHOWN_COLUMNS, attempt.shown_rows())
        raw.read(attempt.add_parents, _core.PARENT_COLUMNS, attempt.rows_of_parents())
        if asked := attempt.parents_to_ask:
            what = f"{counted(asked, 'object')} of {entity.parent}"
            logger.info("%s: asks for the lists of %s, one request each at least", entity.name, what)

"""The events that the lists of a call follow: a run lands them first, and one read gives them to all lists."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import one_line
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.raw_writer import RawWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_raw_rs._core import Attempt, EventIndex, Histories
    from stripe_raw_rs.state_store import StateStore
    from stripe_raw_rs.tables import Tables

logger = logging.getLogger("stripe_raw_rs")

EVENTS = "events"


class FollowedEvents:
    """The events of the accounts of a call, as they have landed."""

    def __init__(  # noqa: PLR0913 - keywords distinguish them
        self,
        tables: Tables,
        state: StateStore,
        accounts: Sequence[str | None],
        *,
        lists: Sequence[str],
        are_read: bool,
        before: Histories | None,
    ) -> None:
        """Name the lists of the call; say whether it reads events, too, and which histories these had before it."""
        self.are_read = are_read
        self._lists = [*lists]
        self._tables = tables
        self._state = state
        self._accounts = [*accounts]
        self._before = before
        self._have_landed = threading.Event()
        self._lock = threading.Lock()
        self._is_asked = False
        self._after: Histories | None = None
        self._index: EventIndex | None = None

    def have_landed(self) -> None:
        """Let the lists go on that wait for the run of events. It may have failed: then they follow what is there."""
        self._have_landed.set()

    def landed(self, histories: Histories, accounts: Sequence[str | None]) -> Histories | None:
        """Say what runs of events have landed, after those of this call have ended; None if nobody can say.

        A list that was never read whole does not wait: it reads every object after the events that are there.
        """
        if not self.are_read:
            return None
        if not histories.any_completed([*accounts]):
            return self._before
        self._have_landed.wait()
        with self._lock:
            if not self._is_asked:
                self._is_asked = True
                self._after = self._ask()
            return self._after

    def _ask(self) -> Histories | None:
        """Read what has landed. If events cannot be read, the lists go on without changes, and follow them later."""
        try:
            if not self._raw().check():
                return None
            after = self._state.histories([EVENTS], self._accounts)[EVENTS]
            after.were_before((self._before or after).epoch)
        except TableError as error:
            logger.warning("changes are not followed, because events cannot be read: %s", one_line(error))
            return None
        return after

    def give(self, attempt: Attempt) -> None:
        """Give the runs of an attempt that are about to begin the events that they follow, if they follow any."""
        if not attempt.follows:
            return
        with self._lock:
            if self._index is None or not self._index.covers(attempt):
                self._index = self._read(attempt)
            attempt.follow(self._index)

    def _read(self, attempt: Attempt) -> EventIndex:
        index, raw = _core.EventIndex(attempt, self._lists), self._raw()
        if not raw.check():
            message = f"table '{raw.location}' is not there, and the run follows its events: restore it from a backup"
            raise TableError(message)
        raw.read(index.add_fresh, _core.FRESH_COLUMNS, index.fresh)
        raw.read(index.add, _core.EVENT_COLUMNS, index.rows)
        return index

    def _raw(self) -> RawWriter:
        (entity,) = _core.entities(EVENTS)
        return RawWriter(self._tables, entity, self._state.store_id)

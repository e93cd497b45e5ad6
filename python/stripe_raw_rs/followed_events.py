"""The events that the lists of a call follow: a run lands them first, and one read gives them to all lists."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.raw_writer import RawWriter

if TYPE_CHECKING:
    from stripe_raw_rs._core import EventIndex, History, Reported, Run
    from stripe_raw_rs.state_store import StateStore
    from stripe_raw_rs.tables import Tables

EVENTS = "events"


class FollowedEvents:
    """The events of one account, as they have landed."""

    def __init__(
        self, tables: Tables, state: StateStore, account: str | None, *, are_read: bool, before: History | None
    ) -> None:
        """Say whether the call reads events, and which history they had before it."""
        self.are_read = are_read
        self._tables = tables
        self._state = state
        self._account = account
        self._before = before
        self._have_landed = threading.Event()
        self._lock = threading.Lock()
        self._after: History | None = None
        self._index: EventIndex | None = None

    def have_landed(self) -> None:
        """Let the lists go on that wait for the run of events. It may have failed: then they follow what is there."""
        self._have_landed.set()

    def reported(self, history: History) -> Reported | None:
        """Say what runs of events have landed, after that of this call has ended; None if none is complete.

        A list that was never read whole does not wait: it reads every object after the events that are there.
        """
        if not self.are_read:
            return None
        if not history.has_completed:
            return None if self._before is None else self._before.reported
        self._have_landed.wait()
        with self._lock:
            if self._after is None:
                self._after = self._state.history(EVENTS, self._account)
            return self._after.reported

    def give(self, run: Run) -> None:
        """Give a run the events that it follows, if it follows any."""
        if not run.follows:
            return
        with self._lock:
            if self._index is None or not self._index.covers(run):
                self._index = self._read(run)
            run.follow(self._index)

    def _read(self, run: Run) -> EventIndex:
        index = _core.EventIndex(run, self._account)
        (entity,) = _core.entities(EVENTS)
        raw = RawWriter(self._tables, entity, self._state.store_id)
        if raw.check():
            raw.read(index.add_fresh, ["_stripe_created_at"], index.fresh)
            rows = index.rows
            if rows is not None:
                raw.read(index.add, _core.EVENT_COLUMNS, rows)
        return index

"""Commits of several lists that wait for the same table become one Delta commit: each costs as much as all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stripe_raw_rs.tables import Commit, Outcome


class Waiting:
    """A commit that waits for its table, and then its outcome or its error."""

    def __init__(self, commit: Commit) -> None:
        """Nothing is known of its outcome yet."""
        self.commit = commit
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        """Whether somebody has tried it."""
        return self.outcome is not None or self.error is not None


class JointCommits:
    """The commits that wait for one table. The first of them writes for all that have come meanwhile.

    Each keeps a transaction identifier of its own, so each is there or not, and is looked up, as if it were alone. If
    they cannot be written together, because one of them has a rival, say, each is tried by itself.
    """

    def __init__(self, write: Callable[[Sequence[Waiting]], None]) -> None:
        """Take the function that writes: it sets the outcome of each, or raises."""
        self._write = write
        self._writing = threading.Lock()
        self._queue = threading.Lock()
        self._waiting: list[Waiting] = []

    def append(self, commit: Commit) -> Outcome:
        """Write a commit, alone or with others. Raises what writing it raised."""
        mine = Waiting(commit)
        with self._queue:
            self._waiting.append(mine)
        with self._writing:
            if not mine.is_done:
                with self._queue:
                    waiting, self._waiting = self._waiting, []
                self._try(waiting)
        if mine.outcome is None:
            raise mine.error or RuntimeError("a commit was neither tried nor refused")
        return mine.outcome

    def alone(self) -> threading.Lock:
        """Give the lock that keeps appends away from the table."""
        return self._writing

    def _try(self, waiting: Sequence[Waiting]) -> None:
        try:
            self._write(waiting)
        except BaseException as error:  # noqa: BLE001 - it is raised where the commit came from
            for one in waiting:
                one.outcome = None
                if len(waiting) > 1 and isinstance(error, Exception):
                    self._try([one])
                else:
                    one.error = error

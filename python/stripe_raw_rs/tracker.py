"""How far a call is: each list's counters, as often as somebody asks, and the rates since a few seconds."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stripe_raw_rs._core import Attempt
    from stripe_raw_rs.entity_result import EntityResult

# Rates are those of the last so many seconds: a shorter time jumps, a longer one lags.
_RATE_SECONDS = 5.0


@dataclass(frozen=True)
class ListProgress:
    """How far one list is."""

    entity: str
    pages: int
    # Objects that were read, those without a change among them.
    objects: int
    requests: int
    # Requests that remain; None while the list's end is not in sight.
    remaining: int | None
    retries: int
    accounts: int
    accounts_done: int
    seconds: float
    objects_per_second: float
    requests_per_second: float

    @property
    def share(self) -> float | None:
        """How much of the list is done, from 0 to 1; None if nobody knows."""
        if self.accounts > 1:
            return self.accounts_done / self.accounts
        if self.remaining is None:
            return None
        return self.requests / (self.requests + self.remaining)

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at this rate; None if nobody knows."""
        if self.accounts > 1 or self.remaining is None or self.requests_per_second <= 0:
            return None
        return self.remaining / self.requests_per_second


@dataclass
class _Counted:
    """One list: its attempts so far, and counters of some moments."""

    attempts: list[Attempt]
    since: float
    moments: deque[tuple[float, int, int]] = field(default_factory=deque)

    def read(self, entity: str, now: float) -> ListProgress:
        done = [attempt.progress() for attempt in self.attempts]
        attempt, newest = self.attempts[-1], done[-1]
        objects = sum(each.rows + each.unchanged for each in done)
        requests = sum(each.requests for each in done)
        moments = self.moments
        moments.append((now, objects, requests))
        while len(moments) > 2 and moments[1][0] <= now - _RATE_SECONDS:  # noqa: PLR2004 - the first and the last
            moments.popleft()
        then, objects_then, requests_then = moments[0] if len(moments) > 1 else (self.since, 0, 0)
        seconds = max(now - then, 1e-9)
        return ListProgress(
            entity=entity,
            pages=sum(each.pages for each in done),
            objects=objects,
            requests=requests,
            remaining=newest.remaining or None,
            retries=sum(each.retries for each in done),
            accounts=attempt.runs + attempt.remaining,
            accounts_done=attempt.finished,
            seconds=now - self.since,
            objects_per_second=(objects - objects_then) / seconds,
            requests_per_second=(requests - requests_then) / seconds,
        )


@dataclass(frozen=True)
class Snapshot:
    """How far all lists are at one moment; `open` are those that are read now."""

    open: tuple[ListProgress, ...]
    done: int
    objects: int
    requests: int
    retries: int
    seconds: float

    @property
    def lists(self) -> int:
        """How many lists have begun."""
        return len(self.open) + self.done

    @property
    def objects_per_second(self) -> float:
        """Over all lists that are read now."""
        return sum(each.objects_per_second for each in self.open)

    @property
    def seconds_left(self) -> float | None:
        """How long the longest list will take; None if a list's end is not in sight."""
        left = [each.seconds_left for each in self.open]
        return None if None in left else max((each for each in left if each is not None), default=None)


class Tracker:
    """Keeps the lists that have begun. `began` and `finished` come from the lists' threads."""

    def __init__(self) -> None:
        """Begin to count seconds."""
        self._lock = threading.Lock()
        self._began_at = time.monotonic()
        self._open: dict[str, _Counted] = {}
        self._done: list[tuple[int, int, int]] = []

    @property
    def seconds(self) -> float:
        """How long it has counted."""
        return time.monotonic() - self._began_at

    def began(self, attempt: Attempt) -> None:
        """Count a list from now on."""
        with self._lock:
            counted = self._open.setdefault(attempt.entity, _Counted([], time.monotonic()))
            counted.attempts.append(attempt)

    def finished(self, result: EntityResult) -> None:
        """Keep the counters of a list alone, and not its attempts."""
        with self._lock:
            self._open.pop(result.entity, None)
            self._done.append((result.rows + result.unchanged, result.requests, result.retries))

    def read(self) -> Snapshot:
        """Read the counters of all lists."""
        with self._lock:
            now = time.monotonic()
            found = tuple(counted.read(entity, now) for entity, counted in self._open.items())
            totals = [*self._done, *((each.objects, each.requests, each.retries) for each in found)]
            objects, requests, retries = (sum(each[at] for each in totals) for at in range(3))
            return Snapshot(found, len(self._done), objects, requests, retries, now - self._began_at)

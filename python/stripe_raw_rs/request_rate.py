"""Requests a second over one call, sampled while it waits: some hundred points, however long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.tracker import Tracker

if TYPE_CHECKING:
    from stripe_raw_rs._core import Attempt, Checkpoint
    from stripe_raw_rs.entity_result import EntityResult
    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.tracker import Snapshot

_MOST_POINTS = 120
# In a shorter one, the few answers that come at once would look like a rate above the limit.
_FIRST_INTERVAL = 1.0


class RequestRate:
    """Totals of requests at moments. Of too many, every second one goes, and the next ones come less often."""

    def __init__(self) -> None:
        """Begin with no request."""
        self._points: list[tuple[float, int]] = [(0.0, 0)]
        self._interval = _FIRST_INTERVAL

    def is_due(self, seconds: float, *, is_last: bool = False) -> bool:
        """Say whether the next point is due; the last one may come a bit sooner."""
        return seconds >= self._points[-1][0] + self._interval / (1 + is_last)

    def add(self, now: Snapshot, *, is_last: bool = False) -> None:
        """Add a point, if the next one is due."""
        if not self.is_due(now.seconds, is_last=is_last):
            return
        self._points.append((now.seconds, now.requests))
        if len(self._points) > _MOST_POINTS:
            del self._points[1::2]
            self._interval *= 2

    def per_second(self) -> tuple[tuple[float, float], ...]:
        """Give the requests a second between each moment and the one before it."""
        pairs = zip(self._points, self._points[1:], strict=False)
        return (0.0, 0.0), *(
            (round(after, 2), round(max(total - before_total, 0) / (after - before), 2))
            for (before, before_total), (after, total) in pairs
            if after > before
        )


class Measured:
    """A display that keeps the rate, too, and passes everything on to another one."""

    def __init__(self, display: Display) -> None:
        """Pass everything on to `display`."""
        self._display = display
        self._tracker = Tracker()
        self.rate = RequestRate()

    @property
    def counts_retries(self) -> bool:
        """Say whether the other display shows retries."""
        return getattr(self._display, "counts_retries", False)

    def began(self, attempt: Attempt) -> None:
        """Count the attempt's requests from now on."""
        self._tracker.began(attempt)
        self._display.began(attempt)

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        """Pass it on."""
        self._display.committed(attempt, checkpoint)

    def finished(self, result: EntityResult) -> None:
        """Keep the counters alone."""
        self._tracker.finished(result)
        self._display.finished(result)

    def tick(self) -> None:
        """Take a point, if one is due."""
        # Ticks come far more often, and each look at the counters takes the locks of all lists.
        if self.rate.is_due(self._tracker.seconds):
            self.rate.add(self._tracker.read())
        self._display.tick()

    def close(self) -> None:
        """Take the last point."""
        self.rate.add(self._tracker.read(), is_last=True)
        self._display.close()

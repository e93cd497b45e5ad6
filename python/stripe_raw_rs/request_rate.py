"""Requests a second over one call, sampled while it waits: some hundred points, however long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stripe_raw_rs.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from stripe_raw_rs._core import Attempt, Checkpoint, Client
    from stripe_raw_rs.entity_result import EntityResult
    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.tracker import Snapshot

_MOST_POINTS = 120
# In a shorter one, the few answers that come at once would look like a rate above the limit.
_FIRST_INTERVAL = 1.0
# What `max_requests_per_second` is if it is "auto"; its help says the same, as a test makes sure.
USUAL = {"live": 75.0, "test": 20.0}


class RequestRate:
    """Totals of requests at moments. Of too many, every second one goes, and the next ones come less often."""

    def __init__(self) -> None:
        """Begin with no request."""
        self._points: list[tuple[float, int]] = [(0.0, 0)]
        self._interval = _FIRST_INTERVAL

    def add(self, now: Snapshot, *, is_last: bool = False) -> None:
        """Add a point, if the next one is due; the last one may come a bit sooner."""
        if now.seconds < self._points[-1][0] + self._interval / (1 + is_last):
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
        self.rate.add(self._tracker.read())
        self._display.tick()

    def close(self) -> None:
        """Take the last point."""
        self.rate.add(self._tracker.read(), is_last=True)
        self._display.close()


def limit_of(client: Client, options: Mapping[str, Any]) -> float | None:
    """Give the most requests a second that the options allow; None for no limit."""
    given = str(options.get("max_requests_per_second", "auto"))
    if given != "auto":
        return float(given)
    host = urlsplit(client.origin).hostname or ""
    is_loopback = host in ("localhost", "::1") or host.startswith("127.")
    return None if is_loopback else USUAL[client.mode]

"""What the lists do, as counters of OpenTelemetry and as attributes of their spans."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stripe_raw_rs._core import Attempt, Checkpoint
    from stripe_raw_rs.entity_result import EntityResult

# The looks between commits: an exporter sends once a minute, if nobody sets it otherwise.
_SECONDS = 1.0


class Counters:
    """A display that adds to counters what each list has done since it looked last."""

    def __init__(self, meter: Any) -> None:  # noqa: ANN401 - of a package that may not be there
        """Make the instruments."""
        counters = {
            "stripe_raw.requests": ("{request}", "Requests sent to Stripe"),
            "stripe_raw.retries": ("{request}", "Of them, those sent again"),
            "stripe_raw.rows": ("{row}", "Rows landed in raw tables"),
            "stripe_raw.bytes": ("By", "Bodies received, after decompression"),
        }
        self._counters = {name: meter.create_counter(name, *of) for name, of in counters.items()}
        self._lag = meter.create_gauge(
            "stripe_raw.lag", "s", "Age of the newest object of a list, by its creation, when its run was complete"
        )
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Attempt, dict[tuple[str, str], int]]] = {}
        # What was counted of each list, in all its attempts.
        self._counted: Counter[tuple[str, str]] = Counter()
        self._looked_at = time.monotonic()

    def began(self, attempt: Attempt) -> None:
        """Count what the attempt does from now on."""
        with self._lock:
            self._look(attempt.entity)
            self._open[attempt.entity] = (attempt, {})

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        """Look at it again."""
        del checkpoint
        with self._lock:
            self._look(attempt.entity)

    def finished(self, result: EntityResult) -> None:
        """Look for the last time, and count what executors have done: no attempt of this process shows that."""
        with self._lock:
            self._look(result.entity)
            self._open.pop(result.entity, None)
            for name, total in (("stripe_raw.rows", result.rows), ("stripe_raw.requests", result.requests)):
                self._count(name, result.entity, total - self._counted[name, result.entity])
        if result.state == "complete" and result.watermark is not None:
            self._lag.set(max(time.time() - result.watermark, 0.0), {"stripe_raw.entity": result.entity})

    def tick(self) -> None:
        """Look at all lists, once a second."""
        now = time.monotonic()
        if now < self._looked_at + _SECONDS:
            return
        self._looked_at = now
        with self._lock:
            for entity in self._open:
                self._look(entity)

    def close(self) -> None:
        """Nothing remains: each list is finished."""

    def _look(self, entity: str) -> None:
        found = self._open.get(entity)
        if found is None:
            return
        attempt, seen = found
        progress = attempt.progress()
        found_now = {
            ("stripe_raw.requests", ""): progress.requests,
            ("stripe_raw.rows", ""): progress.landed,
            ("stripe_raw.bytes", ""): progress.bytes,
            **{("stripe_raw.retries", why): count for why, count in progress.retries_by_reason.items()},
        }
        for key, total in found_now.items():
            name, why = key
            self._count(name, entity, total - seen.get(key, 0), why)
            seen[key] = total

    def _count(self, name: str, entity: str, more: int, why: str = "") -> None:
        if more > 0:
            self._counters[name].add(more, {"stripe_raw.entity": entity, **({"error.type": why} if why else {})})
            self._counted[name, entity] += more


def attributes(result: EntityResult) -> dict[str, str | int]:
    """Give a list's span what the report says of it; no text of errors, which may be anybody's."""
    return {
        "stripe_raw.state": result.state,
        "stripe_raw.rows": result.rows,
        "stripe_raw.requests": result.requests,
        **({} if result.run_id is None else {"stripe_raw.run_id": result.run_id}),
        **({} if result.error_class is None else {"error.type": result.error_class}),
    }

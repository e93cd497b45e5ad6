"""Reporting how far a run is: to a display, and in the log with one line per commit."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Protocol

from stripe_raw_rs import _core
from stripe_raw_rs.text import counted, date_time, error_line, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from stripe_raw_rs._core import Attempt, Checkpoint
    from stripe_raw_rs.entity_result import EntityResult

logger = logging.getLogger("stripe_raw_rs")


class Display(Protocol):
    """The pipeline's reports. All but `tick` come from the entities' threads."""

    def began(self, attempt: Attempt) -> None:
        """Report that an attempt begins."""

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        """Report that a group of pages is in both tables."""

    def finished(self, result: EntityResult) -> None:
        """Report that an entity is done, complete or not."""

    def tick(self) -> None:
        """Let time pass; called from one thread, several times a second."""

    def close(self) -> None:
        """Everything is done."""


class LogLines:
    """One line per commit, for job logs and files."""

    def began(self, attempt: Attempt) -> None:
        """Say which run begins, or how many."""
        entity, fields = attempt.entity, {"entity": attempt.entity, "epoch": attempt.epoch}
        if attempt.run_id is None:
            what = counted(attempt.runs + attempt.remaining, "account")
            logger.info("%s: begins the runs of %s", entity, what, extra={"fields": fields})
            return
        verb = "resumes" if attempt.resumed else "begins"
        fields = {**fields, "run_id": attempt.run_id, "attempt": attempt.number}
        logger.info("%s: %s run %s, attempt %d", entity, verb, attempt.run_id, attempt.number, extra={"fields": fields})

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        """Say what was committed, and how far the attempt is."""
        remaining = attempt.progress().remaining
        count = attempt.runs + attempt.remaining
        fields = {
            "entity": attempt.entity,
            "run_id": attempt.run_id,
            "commit_version": checkpoint.commit_version,
            "pages": checkpoint.pages,
            "rows": checkpoint.rows,
            "reached": rfc3339(checkpoint.reached),
            "requests_left": remaining or None,
            **({"accounts": count, "accounts_done": attempt.finished} if count > 1 else {}),
        }
        accounts = f"; {attempt.finished:,} of {count:,} accounts done" if count > 1 else ""
        logger.info(
            "%s: committed %s, %s, back to %s%s%s",
            attempt.entity,
            counted(checkpoint.pages, "page"),
            counted(checkpoint.rows, "object"),
            date_time(checkpoint.reached),
            f", about {counted(remaining, 'request')} to go" if remaining else "",
            accounts,
            extra={"fields": fields},
        )

    def finished(self, result: EntityResult) -> None:
        """Say that it is complete; the pipeline logs errors."""
        if result.state == "complete":
            of = f" {result.accounts.line()}," if result.accounts.accounts > 1 else " complete,"
            unchanged = f", {result.unchanged:,} unchanged" if result.unchanged else ""
            said = counted(result.rows, "object") + unchanged
            logger.info("%s:%s %s", result.entity, of, said, extra={"fields": result.to_dict()})

    def tick(self) -> None:
        """Nothing to redraw."""

    def close(self) -> None:
        """Nothing to clear away."""


class Guarded:
    """Displays as one. After its first exception, which is logged, one is called no more: none is worth a run."""

    def __init__(self, *displays: Display) -> None:
        """Pass everything on to each of `displays`."""
        self._displays = displays
        self._lock = threading.Lock()

    @property
    def counts_retries(self) -> bool:
        """Say whether one of them shows retries."""
        return any(self._call(lambda display: getattr(display, "counts_retries", False)))

    def began(self, attempt: Attempt) -> None:
        """Pass it on."""
        self._call(lambda display: display.began(attempt))

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        """Pass it on."""
        self._call(lambda display: display.committed(attempt, checkpoint))

    def finished(self, result: EntityResult) -> None:
        """Pass it on."""
        self._call(lambda display: display.finished(result))

    def tick(self) -> None:
        """Pass it on."""
        self._call(lambda display: display.tick())

    def close(self) -> None:
        """Pass it on."""
        self._call(lambda display: display.close())

    def _call(self, report: Callable[[Display], object]) -> list[object]:
        answers = []
        for display in self._displays:
            try:
                answers.append(report(display))
            except Exception as error:  # noqa: BLE001, PERF203 - it is somebody else's, and may raise anything
                # Two threads may report at once.
                with self._lock:
                    is_first = display in self._displays
                    self._displays = tuple(each for each in self._displays if each is not display)
                if is_first:
                    logger.warning("the display failed and is not used any more: %s", error_line(error))
        return answers


# So begins the compiled half's line about a request that is sent again.
_RETRY = "the request is tried again"


def drain_log(display: Display | None = None) -> None:
    """Hand the log of the compiled half to `logging`. A display that counts retries needs no line for each."""
    is_counted = getattr(display, "counts_retries", False)
    for level, line in _core.log_records():
        logger.log(logging.DEBUG if is_counted and _RETRY in line else level, "%s", line)

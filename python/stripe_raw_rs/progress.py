"""Telling how far a run is: live lines on a terminal, otherwise one log line per commit."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import TYPE_CHECKING, Protocol

from stripe_raw_rs import _core
from stripe_raw_rs.report import date_time

if TYPE_CHECKING:
    from typing import TextIO

    from stripe_raw_rs._core import Checkpoint, Run
    from stripe_raw_rs.report import EntityResult

logger = logging.getLogger("stripe_raw_rs")

_REDRAW_SECONDS = 0.2


class Display(Protocol):
    """What the pipeline tells. All but `tick` come from the entities' threads."""

    def began(self, run: Run) -> None:
        """Tell that an attempt begins."""

    def committed(self, run: Run, checkpoint: Checkpoint) -> None:
        """Tell that a group of pages is in both tables."""

    def finished(self, result: EntityResult) -> None:
        """Tell that an entity is done, well or not."""

    def tick(self) -> None:
        """Let time pass; called from one thread, several times a second."""

    def close(self) -> None:
        """Everything is done."""


class LogLines:
    """One line per commit, for job logs and files."""

    def began(self, run: Run) -> None:
        """Say which run begins."""
        verb = "resumes" if run.resumed else "begins"
        fields = {"entity": run.entity, "run_id": run.run_id, "epoch": run.epoch}
        logger.info("%s: %s run %s, attempt %d", run.entity, verb, run.run_id, run.epoch, extra={"fields": fields})

    def committed(self, run: Run, checkpoint: Checkpoint) -> None:
        """Say what was committed, and how far the run is."""
        left = run.progress().left
        fields = {
            "entity": run.entity,
            "run_id": run.run_id,
            "commit_version": checkpoint.commit_version,
            "pages": checkpoint.pages,
            "rows": checkpoint.rows,
            "reached": checkpoint.reached,
            "requests_left": left,
        }
        logger.info(
            "%s: committed %d pages, %d objects, back to %s%s",
            run.entity,
            checkpoint.pages,
            checkpoint.rows,
            date_time(checkpoint.reached),
            f", about {left:,} requests to go" if left else "",
            extra={"fields": fields},
        )

    def finished(self, result: EntityResult) -> None:
        """Say how it ended; what went wrong is logged by the pipeline."""
        if result.error is None:
            logger.info("%s: complete, %d objects", result.entity, result.rows, extra={"fields": result.to_dict()})

    def tick(self) -> None:
        """Nothing to redraw."""

    def close(self) -> None:
        """Nothing to clear away."""


class LiveLines:
    """One line per entity, drawn again several times a second."""

    def __init__(self, stream: TextIO) -> None:
        """Draw on `stream`, a terminal."""
        self._stream = stream
        self._lock = threading.RLock()
        self._runs: dict[str, tuple[Run, float]] = {}
        self._drawn = 0
        self._due = 0.0

    def began(self, run: Run) -> None:
        """Show the entity from now on."""
        with self._lock:
            self._runs[run.entity] = (run, time.monotonic())

    def committed(self, run: Run, checkpoint: Checkpoint) -> None:
        """Counters are read when they are drawn."""

    def finished(self, result: EntityResult) -> None:
        """Leave the entity to the summary."""
        with self._lock:
            self._runs.pop(result.entity, None)

    def tick(self) -> None:
        """Draw, if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _REDRAW_SECONDS
        with self._lock:
            width = max(shutil.get_terminal_size().columns - 1, 20)
            lines = [_live_line(run, now - since)[:width] for run, since in self._runs.values()]
            self.clear()
            self._stream.write("".join(line + "\n" for line in lines))
            self._stream.flush()
            self._drawn = len(lines)

    def clear(self) -> None:
        """Take the lines away, so that something else can be written."""
        with self._lock:
            if self._drawn:
                # Up to the first line, then erase to the end of the screen.
                self._stream.write(f"\x1b[{self._drawn}A\x1b[J")
                self._stream.flush()
                self._drawn = 0

    def close(self) -> None:
        """Take the lines away for good."""
        self.clear()


def _live_line(run: Run, seconds: float) -> str:
    now = run.progress()
    speed = now.rows / seconds if seconds > 0 else 0.0
    retries = f", {now.retries:,} retries" if now.retries else ""
    # Up to what is left it fits a terminal of 80 columns.
    return f"{run.entity:<22}{now.pages:>7,} pages{now.rows:>11,} objects{speed:>8,.0f}/s{now.left:>7,} left{retries}"


def drain_log() -> None:
    """Hand what the compiled half logged to `logging`."""
    for level, line in _core.log_records():
        logger.log(level, "%s", line)

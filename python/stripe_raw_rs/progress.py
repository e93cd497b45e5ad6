"""Reporting how far a run is: to a display, and in the log with one line per commit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from stripe_raw_rs import _core
from stripe_raw_rs.text import counted, date_time

if TYPE_CHECKING:
    from stripe_raw_rs._core import Checkpoint, Run
    from stripe_raw_rs.report import EntityResult

logger = logging.getLogger("stripe_raw_rs")


class Display(Protocol):
    """The pipeline's reports. All but `tick` come from the entities' threads."""

    def began(self, run: Run) -> None:
        """Report that an attempt begins."""

    def committed(self, run: Run, checkpoint: Checkpoint) -> None:
        """Report that a group of pages is in both tables."""

    def finished(self, result: EntityResult) -> None:
        """Report that an entity is done, complete or not."""

    def tick(self) -> None:
        """Let time pass; called from one thread, several times a second."""

    def close(self) -> None:
        """Everything is done."""


class LogLines:
    """One line per commit, for job logs and files."""

    def began(self, run: Run) -> None:
        """Say which run begins."""
        verb = "resumes" if run.resumed else "begins"
        fields = {"entity": run.entity, "run_id": run.run_id, "epoch": run.epoch, "attempt": run.attempt}
        logger.info("%s: %s run %s, attempt %d", run.entity, verb, run.run_id, run.attempt, extra={"fields": fields})

    def committed(self, run: Run, checkpoint: Checkpoint) -> None:
        """Say what was committed, and how far the run is."""
        remaining = run.progress().remaining
        fields = {
            "entity": run.entity,
            "run_id": run.run_id,
            "commit_version": checkpoint.commit_version,
            "pages": checkpoint.pages,
            "rows": checkpoint.rows,
            "reached": checkpoint.reached,
            "requests_left": remaining or None,
        }
        logger.info(
            "%s: committed %s, %s, back to %s%s",
            run.entity,
            counted(checkpoint.pages, "page"),
            counted(checkpoint.rows, "object"),
            date_time(checkpoint.reached),
            f", about {counted(remaining, 'request')} to go" if remaining else "",
            extra={"fields": fields},
        )

    def finished(self, result: EntityResult) -> None:
        """Say that it is complete; the pipeline logs errors."""
        if result.state == "complete":
            unchanged = f", {result.unchanged:,} unchanged" if result.unchanged else ""
            said = counted(result.rows, "object") + unchanged
            logger.info("%s: complete, %s", result.entity, said, extra={"fields": result.to_dict()})

    def tick(self) -> None:
        """Nothing to redraw."""

    def close(self) -> None:
        """Nothing to clear away."""


def drain_log() -> None:
    """Hand the log of the compiled half to `logging`."""
    for level, line in _core.log_records():
        logger.log(level, "%s", line)

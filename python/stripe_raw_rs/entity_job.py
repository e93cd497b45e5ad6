"""One list of a call: attempt after attempt, until a run that was begun here is complete or something goes wrong."""

from __future__ import annotations

import logging
import time
import traceback
from typing import TYPE_CHECKING

from stripe_raw_rs.attempt import attempt, naming_the_winner, skipped
from stripe_raw_rs.exceptions import FencedError, InterruptedRunError
from stripe_raw_rs.panics import as_error
from stripe_raw_rs.report import EntityResult

if TYPE_CHECKING:
    from stripe_raw_rs._core import Entity, Run
    from stripe_raw_rs.attempt import Job

logger = logging.getLogger("stripe_raw_rs")


def ingest_entity(job: Job, entity: Entity) -> EntityResult:
    """Ingest one list. Its error, if any, is in the result, and is logged here, in full and once."""
    began = time.monotonic()
    runs: list[Run] = []
    error: BaseException | None = None
    try:
        while not runs or runs[-1].resumed or runs[-1].gives_up:
            try:
                attempt(job, entity, runs)
            except FencedError as fenced:  # noqa: PERF203 - at most two rounds
                raise naming_the_winner(job, entity, runs[-1], fenced) from fenced
    except BaseException as caught:  # noqa: BLE001 - no error of one entity may stop the others
        error = as_error(caught)
        _forget_locals(error)
    if error is None:
        job.parents.landed(entity.name, runs[-1])
    absence = skipped(entity, runs[-1], error) if error is not None and runs else None
    if absence is not None:
        error = None
        logger.debug("%s", absence)
    error = error or next((run.refusal for run in runs if run.refusal is not None), None)
    done = [run.progress() for run in runs]
    result = EntityResult(
        entity=entity.name,
        run_id=next((run.run_id for run in reversed(runs) if not run.is_idle), None),
        pages=sum(progress.pages for progress in done),
        rows=sum(progress.landed for progress in done),
        unchanged=sum(progress.unchanged for progress in done),
        requests=sum(progress.requests for progress in done),
        retries=sum(progress.retries for progress in done),
        bytes=sum(progress.bytes for progress in done),
        undated=sum(progress.undated for progress in done),
        refused=sum(progress.refused for progress in done),
        changed=sum(progress.changed for progress in done),
        from_events=sum(progress.of_events for progress in done),
        deleted=sum(progress.deleted for progress in done),
        seconds=time.monotonic() - began,
        watermark=done[-1].newest if done else None,
        skipped=absence,
        error=error,
    )
    if error is not None:
        level = logging.WARNING if isinstance(error, InterruptedRunError) else logging.ERROR
        logger.log(level, "%s", result.message, extra={"fields": {"entity": entity.name}})
        logger.debug("%s: traceback", entity.name, exc_info=error)
    return result


def _forget_locals(error: BaseException) -> None:
    """Drop the values in the frames of an error's traceback: pages, above all, would live as long as the report."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__

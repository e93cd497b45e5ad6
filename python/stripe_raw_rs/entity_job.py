"""One list of a call: attempt after attempt, until runs that were begun here are complete or something goes wrong."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from stripe_raw_rs.account_outcomes import outcomes
from stripe_raw_rs.attempt import skipped, try_list
from stripe_raw_rs.distributed import Landed, drop_left, land_first_runs
from stripe_raw_rs.entity_result import EntityResult
from stripe_raw_rs.exceptions import FencedError, InterruptedRunError
from stripe_raw_rs.panics import as_error
from stripe_raw_rs.rivals import naming_the_winner
from stripe_raw_rs.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_raw_rs._core import Attempt, Ending, Entity
    from stripe_raw_rs.attempt import Job

logger = logging.getLogger("stripe_raw_rs")


def ingest_entity(job: Job, entity: Entity) -> EntityResult:
    """Ingest one list. Its error, if any, is in the result, and is logged here, in full and once."""
    began = time.monotonic()
    attempts: list[Attempt] = []
    landed = Landed()
    error = _try(job, entity, attempts, landed)
    try:
        result = _result(job, entity, attempts, landed, error, began)
    except BaseException as caught:  # noqa: BLE001 - as below; the first error is the one to hear about
        result = EntityResult(
            entity.name, duration_seconds=time.monotonic() - began, error=error or _of_this_list(caught)
        )
    error = result.error
    if error is not None:
        level = logging.WARNING if isinstance(error, InterruptedRunError) else logging.ERROR
        logger.log(level, "%s", result.message, extra={"fields": {"entity": entity.name}})
        logger.debug("%s: traceback", entity.name, exc_info=error)
    return result


def _try(job: Job, entity: Entity, attempts: list[Attempt], landed: Landed) -> BaseException | None:
    """Make attempts until nothing is left to do; give the error that ended them."""
    try:
        land_first_runs(job, entity, landed)
        if landed.waves:
            # Waves are attempts, too: what this process knew of the list when it began is from before them.
            job = replace(job, histories={})
        complete = {ending.account for ending in landed.endings}
        accounts: Sequence[str | None] = [account for account in job.accounts if account not in complete]
        while accounts:
            try:
                try_list(job, entity, accounts, attempts)
            except FencedError as fenced:
                ours = attempts[-1]
                winner = naming_the_winner(job, entity, fenced, epoch=ours.epoch, is_claimed=ours.is_claimed)
                raise winner from fenced
            accounts = _again(attempts[-1])
        drop_left(job, entity, landed, attempts)
    except BaseException as caught:  # noqa: BLE001 - no error of one entity may stop the others
        return _of_this_list(caught)
    return None


def _result(  # noqa: PLR0913, PLR0917 - what a call has made of a list
    job: Job, entity: Entity, attempts: list[Attempt], landed: Landed, error: BaseException | None, began: float
) -> EntityResult:
    endings: dict[str | None, Ending] = {ending.account: ending for ending in landed.endings}
    ours = frozenset(job.accounts)
    for attempt in attempts:
        endings.update((ending.account, ending) for ending in attempt.endings if ending.account in ours)
        job.parents.landed(entity.name, attempt)
    absence = skipped(entity, attempts[-1], error) if error is not None and attempts else None
    if absence is not None:
        error = None
        logger.debug("%s", absence)
    without_news = sum(attempt.without_news for attempt in attempts)
    counts, errors = outcomes(job.accounts, endings, without_news, error)
    if counts.skipped == counts.accounts > 1:
        absence = f"none of {counted(counts.accounts, 'account')} has the list"
    done = [attempt.progress() for attempt in attempts]
    return EntityResult(
        entity=entity.name,
        run_id=next((attempt.run_id for attempt in reversed(attempts) if not attempt.is_idle), None),
        pages=landed.pages + sum(progress.pages for progress in done),
        rows=landed.rows + sum(progress.landed for progress in done),
        unchanged=sum(progress.unchanged for progress in done),
        # Each page that executors have read was a request at least.
        requests=landed.pages + sum(progress.requests for progress in done),
        retries=sum(progress.retries for progress in done),
        bytes=sum(progress.bytes for progress in done),
        undated=sum(progress.undated for progress in done),
        refused=landed.refused + sum(progress.refused for progress in done),
        changed=sum(progress.changed for progress in done),
        from_events=sum(progress.of_events for progress in done),
        deleted=sum(progress.deleted for progress in done),
        duration_seconds=time.monotonic() - began,
        watermark=max(
            (each for each in (landed.newest, done[-1].newest if done else None) if each is not None), default=None
        ),
        accounts=counts,
        skipped=absence,
        error=counts.error(entity.name, error, errors),
    )


def _again(attempt: Attempt) -> list[str | None]:
    """Name the accounts that get another attempt: a new run follows one that went on, or was given up."""
    followed = (ending.account for ending in attempt.endings if ending.is_continued and ending.is_complete)
    return [*dict.fromkeys([*followed, *attempt.left])]


def _of_this_list(caught: BaseException) -> BaseException:
    """Make a list's error of it, without the values in its frames: pages would live as long as the report."""
    error = as_error(caught)
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    return error

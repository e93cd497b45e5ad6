"""One attempt at one run of one entity, from its plan to its last event."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stripe_raw_rs.exceptions import FencedError, ProductMissingError, TableError
from stripe_raw_rs.lost_commits import require_earlier_kept, require_kept
from stripe_raw_rs.owner import is_dead
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.text import error_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_raw_rs._core import Client, Entity, History, Run
    from stripe_raw_rs.exceptions import StripeRawError
    from stripe_raw_rs.followed_events import FollowedEvents
    from stripe_raw_rs.followed_parents import FollowedParents
    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.state_store import StateStore
    from stripe_raw_rs.tables import Tables

logger = logging.getLogger("stripe_raw_rs")


@dataclass(frozen=True)
class Job:
    """The parts that all entities of one call share."""

    client: Client
    tables: Tables
    state: StateStore
    display: Display
    account: str | None
    owner: str
    take_over: bool
    give_up: Literal["restart", "scratch"] | None
    start: int | None
    settings: Mapping[str, str]
    # Of the lists, as they were when this process began; empty if they could not be read together.
    histories: Mapping[str, History]
    events: FollowedEvents
    parents: FollowedParents


def attempt(job: Job, entity: Entity, runs: list[Run]) -> None:
    """Plan one attempt at one run, and see it through."""
    # A second attempt at the list follows the events of the first.
    history = None if runs else job.histories.get(entity.name)
    history = history or job.state.history(entity.name, job.account)
    give_up = None if runs else job.give_up
    run = job.client.run(
        entity.name,
        history,
        store_id=job.state.store_id,
        owner=job.owner,
        account=job.account,
        holder_is_dead=is_dead(history.owner),
        take_over=job.take_over,
        give_up=give_up,
        start=job.start,
        settings=job.settings,
        follows=job.events.are_read,
        # Without events of its own, a list need not wait for them.
        reported=None if entity.event_coverage == "none" else job.events.reported(history),
        parents=job.parents.rows(entity),
        has_asked_lists=job.parents.are_asked(entity),
    )
    if run.is_idle:
        runs.append(run)
        run.close()
        return
    job.events.give(run)
    job.parents.give(run, entity)
    raw = RawWriter(job.tables, entity, job.state.store_id)
    is_there = raw.check()
    if not run.gives_up:
        require_kept(raw, job.state, history, job.account)
    elif give_up == "restart":
        # The fence of this attempt would hide what is missing from all later ones.
        require_earlier_kept(raw, job.state, history)
    if is_there or not run.is_new:
        raw.create()
    runs.append(run)
    job.display.began(run)
    # Nobody has asked anything of a list that comes with its parents'.
    for warning in run.warnings if entity.parent is None or entity.is_named else ():
        logger.warning("%s: %s", entity.name, warning)
    for notice in run.notices:
        logger.info("%s: %s", entity.name, notice)
    try:
        write(run, job, raw, is_first=history.watermark is None)
    finally:
        # An error's traceback keeps the run alive as long as the report; its buffers count in the budget of all runs.
        run.close()


def write(run: Run, job: Job, raw: RawWriter, *, is_first: bool) -> None:
    """Take one attempt through the write protocol. The order of these lines makes a kill harmless."""
    state, display = job.state, job.display
    # A new run is claimed by its first pair: until then it reads, and nothing can have landed.
    if not run.is_new:
        state.append(run.started())
    try:
        if not run.is_new:
            raw.fence(run.fence())
            for conditions in state.recover(run, job.account):
                raw.recover(run, conditions)
        raw.compare(run)
        for rows, checkpoint in run:
            # Not before Stripe has answered: the account may not have the list.
            raw.create()
            if is_first and len(rows) > 0:
                # Until something has landed, another process may bind the lake to another account.
                state.require_ours()
                is_first = False
            raw.append(rows)
            state.append(checkpoint)
            if checkpoint.pages:
                display.committed(run, checkpoint)
            # Else the pages would stay in memory for as long as the next ones take, where no budget counts them.
            del rows, checkpoint
        _create(raw, run)
        state.append(run.ended())
    except FencedError:
        raise
    except BaseException as error:
        if not run.is_new or skipped(raw.entity, run, error) is None:
            _append_failed(run, state, error)
        raise


def _create(raw: RawWriter, run: Run) -> None:
    """Create the table of a list that has answered. One of single objects may have had none to ask."""
    if raw.entity.parent is None or run.progress().pages:
        raw.create()


def skipped(entity: Entity, run: Run, error: BaseException) -> str | None:
    """Say why a list is skipped: the account does not have it, nobody has named it, and nothing of it was ever read.

    Of a new run nothing is written then. A list that was there before and is refused now is a failure.
    """
    is_absent = isinstance(error, ProductMissingError) and not (entity.is_named or run.was_ever_read)
    return error_line(error) if is_absent else None


def naming_the_winner(job: Job, entity: Entity, run: Run, fenced: FencedError) -> StripeRawError:
    """Name the process that has the run now, if the table can still be read.

    The process that took over began an attempt of our number or a later one. If no event reports it, events are lost.
    """
    try:
        with panics_as_errors():
            history = job.state.history(entity.name, job.account)
    except Exception:  # noqa: BLE001 - the first error is the one to hear about
        return fenced
    # The number of a claimed attempt is nobody else's: then no other process has stopped this one.
    if history.epoch < run.epoch or (history.epoch == run.epoch and run.is_claimed):
        return TableError(
            f"table '{job.state.location}' has lost events of this list, as the tables' transactions show: "
            "restore it from a backup, or land everything again into another lake"
        )
    done = "has completed" if history.state == "complete" else "holds"
    return FencedError(f"{history.owner} {done} run {history.run_id} now: {fenced}")


def _append_failed(run: Run, state: StateStore, error: BaseException) -> None:
    """Record the failure, so that the next process need not wait for this one. The caller raises the error itself."""
    try:
        with panics_as_errors():
            recorded = getattr(error, "recorded", None) or error_line(error)
            state.append(run.failed(getattr(error, "error_class", "Internal"), recorded))
    except Exception as second:  # noqa: BLE001 - the first error is the one to hear about
        logger.debug("%s: the RUN_FAILED event is not written: %s", run.entity, error_line(second))

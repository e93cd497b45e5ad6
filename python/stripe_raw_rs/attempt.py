"""One attempt at a list, from its plan to its last event: the runs of one account or of many."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from stripe_raw_rs.exceptions import FencedError, ProductMissingError
from stripe_raw_rs.lost_commits import GivenUp, require_landed
from stripe_raw_rs.owner import is_dead
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.text import error_line, first_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stripe_raw_rs._core import Attempt, Client, Entity, Histories, ParentRows
    from stripe_raw_rs.executors import Executors
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
    # The accounts that it reads; None for the key's own.
    accounts: Sequence[str | None]
    # The names by which they were given; one with slashes is a path to an account.
    paths: Sequence[str]
    owner: str
    take_over: bool
    give_up: Literal["restart", "scratch"] | None
    start: int | None
    settings: Mapping[str, str]
    # Of the lists, as they were when this process began; empty if they could not be read together.
    histories: Mapping[str, Histories]
    events: FollowedEvents
    parents: FollowedParents
    # Those of Spark that read first runs; None if this process reads all.
    executors: Executors | None = None


def wishes(job: Job, entity: Entity) -> dict[str, Any]:
    """Give the keywords of `Client.attempt` that are the same for each attempt at the list, in any process."""
    return {
        "store_id": job.state.store_id,
        "owner": job.owner,
        "start": job.start,
        "settings": dict(job.settings),
        "follows": job.events.are_read,
        "has_asked_lists": job.parents.are_asked(entity),
        "may_lack": not entity.is_named,
        "among_others": len(job.accounts) > 1,
    }


def try_list(job: Job, entity: Entity, accounts: Sequence[str | None], attempts: list[Attempt]) -> None:
    """Plan one attempt at the list of these accounts, and see it through."""
    # A second attempt at the list follows the events of the first.
    histories = None if attempts else job.histories.get(entity.name)
    histories = histories or job.state.histories([entity.name], accounts)[entity.name]
    give_up = None if attempts else job.give_up
    # Without events of its own, a list need not wait for them.
    events = None if entity.event_coverage == "none" else job.events.landed(histories, accounts)
    parents = job.parents.rows(entity)
    attempt = job.client.attempt(
        entity.name,
        histories,
        accounts=[*accounts],
        dead_owners=[owner for owner in histories.owners if is_dead(owner)],
        take_over=job.take_over,
        give_up=give_up,
        events=events,
        parents=parents,
        **wishes(job, entity),
    )
    if attempt.is_idle:
        attempts.append(attempt)
        attempt.close()
        return
    new_runs = NewRuns(job, entity, accounts, histories, events, parents)
    new_runs.give(attempt)
    raw = RawWriter(job.tables, entity, job.state.store_id)
    is_there = raw.check()
    given_up = GivenUp(attempt.given_up, restarts=give_up == "restart")
    require_landed(raw, job.state, histories, accounts, given_up)
    if is_there or not attempt.is_new:
        raw.create()
    attempts.append(attempt)
    job.display.began(attempt)
    _say(attempt, entity)
    try:
        write(attempt, job, raw, new_runs)
    finally:
        # An error's traceback keeps the attempt alive as long as the report; its buffers count in the budget of all.
        attempt.close()


@dataclass
class NewRuns:
    """What the runs of an attempt are planned and begun with, some accounts at a time."""

    job: Job
    entity: Entity
    accounts: Sequence[str | None]
    histories: Histories
    events: Histories | None
    parents: ParentRows | None

    def give(self, attempt: Attempt) -> None:
        """Give the runs that are about to begin what they follow, before anything else.

        It comes before recovery, too: a run that goes on has to know its changes to place what has landed of them.
        """
        self.job.events.give(attempt)
        self.job.parents.give(attempt, self.entity)

    def read_again(self) -> None:
        """Read what new runs are planned by: events may have come before the fence."""
        self.histories = self.job.state.histories([self.entity.name], self.accounts)[self.entity.name]

    def next(self, attempt: Attempt, raw: RawWriter) -> bool:
        """Let more runs begin; say whether there were any left."""
        if not attempt.remaining:
            return False
        attempt.next_runs(self.histories, self.events, self.parents)
        self.give(attempt)
        raw.compare(attempt)
        return True


def _say(attempt: Attempt, entity: Entity) -> None:
    # Nobody has asked anything of a list that comes with its parents'.
    for warning in first_of(attempt.warnings, in_json=False) if entity.parent is None or entity.is_named else ():
        logger.warning("%s: %s", entity.name, warning)
    # Of many accounts, each that goes on has a line of its own.
    for notice in first_of(attempt.notices, in_json=False):
        logger.info("%s: %s", entity.name, notice)


def write(attempt: Attempt, job: Job, raw: RawWriter, new_runs: NewRuns) -> None:
    """Take one attempt through the write protocol. The order of these lines makes a kill harmless."""
    state = job.state
    # New runs are claimed by their first pair: until then they read, and nothing can have landed.
    if not attempt.is_new:
        state.append(attempt.started())
    try:
        if not attempt.is_new:
            _recover(attempt, state, raw)
            if attempt.remaining:
                new_runs.read_again()
        raw.compare(attempt)
        _land(attempt, job, raw, is_first=new_runs.histories.is_fresh)
        while new_runs.next(attempt, raw):
            _land(attempt, job, raw)
        _create(raw, attempt)
        end = attempt.ended()
        if end is not None:
            state.append(end)
    except FencedError:
        raise
    except BaseException as error:
        if not attempt.is_new or skipped(raw.entity, attempt, error) is None:
            _append_failed(attempt, state, error)
        raise


def _recover(attempt: Attempt, state: StateStore, raw: RawWriter) -> None:
    """Keep earlier attempts from committing, and find out what they have landed of the runs that go on."""
    for rows, events in attempt.earlier_fences:
        state.fence(events)
        raw.fence(rows)
    # In the checkpoint table, RUN_STARTED is the fence.
    raw.fence(attempt.fence())
    raw.recover(attempt, state.recover(attempt))
    attempt.stop_if_over()


def _land(attempt: Attempt, job: Job, raw: RawWriter, *, is_first: bool = False) -> None:
    """Append pair after pair. Until something has landed (`is_first`), others may bind the lake to their account."""
    for rows, checkpoint in attempt:
        _create(raw, attempt)
        if is_first and len(rows) > 0:
            job.state.require_ours()
            is_first = False
        raw.append(rows)
        job.state.append(checkpoint)
        if checkpoint.pages:
            job.display.committed(attempt, checkpoint)
        # Else the pages would stay in memory for as long as the next ones take, where no budget counts them.
        del rows, checkpoint


def _create(raw: RawWriter, attempt: Attempt) -> None:
    """Create the table of a list that has answered: the accounts may not have it, and there may be no object to ask."""
    if attempt.progress().pages:
        raw.create()


def skipped(entity: Entity, attempt: Attempt, error: BaseException) -> str | None:
    """Say why a list is skipped: the account does not have it, nobody has named it, and nothing of it was ever read.

    Of a new run nothing is written then. A list that was there before and is refused now is a failure.
    """
    is_absent = isinstance(error, ProductMissingError) and not (entity.is_named or attempt.was_ever_read)
    return error_line(error) if is_absent else None


def _append_failed(attempt: Attempt, state: StateStore, error: BaseException) -> None:
    """Record the failure, so that the next process need not wait for this one. The caller raises the error itself."""
    try:
        with panics_as_errors():
            recorded = getattr(error, "recorded", None) or error_line(error)
            state.append(attempt.failed(getattr(error, "error_class", "Internal"), recorded))
    except Exception as second:  # noqa: BLE001 - the first error is the one to hear about
        logger.debug("%s: the RUN_FAILED event is not written: %s", attempt.entity, error_line(second))

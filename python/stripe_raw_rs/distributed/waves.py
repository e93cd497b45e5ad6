"""The waves of one list, one after the other."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core
from stripe_raw_rs.accounts import account_at
from stripe_raw_rs.attempt import wishes
from stripe_raw_rs.exceptions import FencedError, StripeRawError
from stripe_raw_rs.executors import importer, share
from stripe_raw_rs.lost_commits import GivenUp, require_landed
from stripe_raw_rs.owner import is_dead
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.rivals import naming_the_winner
from stripe_raw_rs.text import counted, error_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from stripe_raw_rs._core import Attempt, Client, Ending, Entity, Histories, Wave
    from stripe_raw_rs.attempt import Job
    from stripe_raw_rs.distributed.fetch import Fetch
    from stripe_raw_rs.executors import Executors
    from stripe_raw_rs.tables import WaitingTable

logger = logging.getLogger("stripe_raw_rs")

# Accounts of one wave at most: its rows wait in a table until all have come.
_ACCOUNTS = 2_048
# Seconds after which the tasks of a wave begin no more accounts, and those after which they hand over what they have: a
# process that is killed loses no more. This process goes on with runs that are cut off, and commits them in parts.
_SECONDS = (600.0, 1_800.0)


@dataclass
class Planned:
    """What executors are to read, and when they began."""

    fetch: Fetch
    began: float = 0.0

    def is_over(self) -> bool:
        """Whether there was no time to begin all accounts."""
        return time.monotonic() - self.began >= self.fetch.seconds[0]


@dataclass
class Landed:
    """What the waves of a list have landed."""

    waves: int = 0
    # Number of the newest one that has landed; 0 before.
    epoch: int = 0
    endings: list[Ending] = field(default_factory=list)
    pages: int = 0
    rows: int = 0
    refused: int = 0
    newest: int | None = None

    def add(self, wave: Wave) -> None:
        """Count a wave that has landed."""
        self.epoch = wave.epoch if wave.endings else self.epoch
        self.endings += [ending for ending in wave.endings if ending.is_complete]
        self.pages += wave.page_count
        self.rows += wave.row_count
        self.refused += wave.refused
        self.newest = max((each for each in (self.newest, wave.newest) if each is not None), default=None)


def land_first_runs(job: Job, entity: Entity, landed: Landed) -> None:
    """Land the first runs of accounts that have none. Lists of single objects follow others, and are left alone."""
    executors = job.executors
    # A run that is given up comes first, and what is lost with it.
    if executors is None or entity.parent is not None or job.give_up is not None:
        return
    tried: set[str | None] = set()
    histories = job.histories.get(entity.name)
    while not executors.is_interrupted:
        histories = histories or job.state.histories([entity.name], job.accounts)[entity.name]
        new = [each for each in job.accounts if each not in tried and histories.of(each).state == "never ran"]
        # A few are read as fast by this process.
        if len(new) < max(executors.tasks, 2):
            return
        plan = _plan(job, executors, entity, histories, new[:_ACCOUNTS])
        if plan is None:
            return
        landed.waves += 1
        wave = _land(job, executors, entity, plan, histories)
        if wave is None:
            return
        landed.add(wave)
        rows, runs = counted(wave.row_count, "object"), counted(len(wave.endings), "account")
        logger.info("%s: landed %s of %s", entity.name, rows, runs)
        # An account that is not begun has failed, or there was no time for it.
        begun = {ending.account for ending in wave.endings}
        tried |= begun if begun and plan.is_over() else {*new[:_ACCOUNTS]}
        histories = job.state.histories([entity.name], job.accounts)[entity.name]
        job.parents.add(entity.name, histories.parent_rows)


def drop_left(job: Job, entity: Entity, landed: Landed, attempts: Sequence[Attempt]) -> None:
    """Drop the tables that killed calls have left. Once an attempt of ours is claimed, no older one lands anything."""
    claimed = [attempt.epoch for attempt in attempts if attempt.is_claimed]
    if job.executors is not None and entity.parent is None and (landed.epoch or claimed):
        job.executors.engine.drop_waiting(_table(entity), max([landed.epoch, *claimed]))


def _land(job: Job, executors: Executors, entity: Entity, plan: Planned, histories: Histories) -> Wave | None:
    """Read and land one wave; None if executors could not read it, so that this process has to."""
    raw = RawWriter(job.tables, entity, job.state.store_id)
    raw.check()
    require_landed(raw, job.state, histories, job.accounts, GivenUp((), restarts=False))
    with executors.engine.waiting(_table(entity), plan.fetch.epoch) as waiting:
        try:
            wave = _read(job, executors, entity, plan, waiting)
        except StripeRawError as error:
            if not executors.is_interrupted:
                what = "executors could not do it, so this process reads"
                logger.warning("%s: %s: %s", entity.name, what, error_line(error).removeprefix(f"{entity.name}: "))
            return None
        if wave.endings:
            _commit(job, entity, raw, wave, waiting, is_first=histories.is_fresh)
    return wave


def _read(job: Job, executors: Executors, entity: Entity, plan: Planned, waiting: WaitingTable) -> Wave:
    """Let executors read, and check what they have read."""
    from stripe_raw_rs.distributed.fetch import EVENTS, events_of, schema  # noqa: PLC0415 - it needs pyarrow

    fetch = plan.fetch
    with executors.turn(waiting):
        tasks, accounts = counted(len(fetch.tasks), "task"), counted(sum(map(len, fetch.tasks)), "account")
        logger.info("%s: %s of Spark read the first runs of %s", entity.name, tasks, accounts)
        plan.began = time.monotonic()
        waiting.fill(len(fetch.tasks), _task(job.client, executors, fetch), schema())
    wave = _core.Wave(entity.name, job.state.store_id, fetch.epoch)
    for text in waiting.texts(EVENTS):
        wave.add_events(events_of(text))
    wave.check_rows(waiting.counts(["_ingest_run_id", "_page_number"], EVENTS))
    return wave


def _commit(  # noqa: PLR0913 - what a wave is committed with
    job: Job, entity: Entity, raw: RawWriter, wave: Wave, waiting: WaitingTable, *, is_first: bool
) -> None:
    """Take a wave through the write protocol. The order of these lines makes a kill harmless."""
    from stripe_raw_rs.distributed.fetch import EVENTS  # noqa: PLC0415 - as above

    is_claimed = False
    try:
        job.state.append(wave.claims())
        is_claimed = True
        if is_first:
            job.state.require_ours()
        raw.create()
        job.state.append(wave.refusals())
        raw.append_waiting(wave.rows(), waiting.rows(_core.raw_schema().names, EVENTS), wave.row_count)
        job.state.append(wave.pages())
    except FencedError as fenced:
        raise naming_the_winner(job, entity, fenced, epoch=wave.epoch, is_claimed=is_claimed) from fenced


def _plan(
    job: Job, executors: Executors, entity: Entity, histories: Histories, accounts: Sequence[str | None]
) -> Planned | None:
    """Plan the attempt, to learn its number, and whether somebody else has the list. Nothing is asked by it."""
    from stripe_raw_rs.distributed.fetch import Fetch  # noqa: PLC0415 - as above

    # A call with one new account left has others, too.
    same: dict[str, Any] = {**wishes(job, entity), "among_others": True}
    attempt = job.client.attempt(
        entity.name,
        histories,
        accounts=[*accounts],
        take_over=job.take_over,
        dead_owners=[owner for owner in histories.owners if is_dead(owner)],
        **same,
    )
    with closing(attempt):
        if not attempt.is_new:
            return None
        count = min(executors.tasks, len(accounts))
        tasks = tuple(tuple(accounts[number::count]) for number in range(count))
        # An account is reached by the first of its paths, here as there.
        paths = {account_at(path): path for path in reversed(job.paths) if "/" in path}
        return Planned(Fetch(entity.name, tasks, tuple(paths.values()), attempt.epoch, _SECONDS, same))


def _task(client: Client, executors: Executors, fetch: Fetch) -> Callable[[int], Iterator[pa.RecordBatch]]:
    """Make what a task does. It is made here, so that it is pickled by value, with the key in its closure."""
    key, code = executors.key, importer("distributed.fetch")
    settings = {**executors.settings, **share(client, executors.settings, len(fetch.tasks))}
    # Of our own modules, a plan would import one where it is read.
    values = {**fetch._asdict(), "version": _core.__version__}

    def task(number: int) -> Iterator[pa.RecordBatch]:
        rows: Iterator[pa.RecordBatch] = code().fetch(key, settings, values, number)
        return rows

    return task


def _table(entity: Entity) -> str:
    """Name the tables in which rows of the list wait."""
    return f"{entity.table}_waiting"

"""First runs of many accounts: Spark's executors read them, and this process commits them, wave by wave.

A wave is an attempt of its own, whose runs are all new. It reads first, like any new run, and its rows wait in a table
until all of it is there. Then it takes the same steps as any attempt: it claims its runs, appends their rows, and then
the events about them. Whatever it leaves unfinished, the attempt that follows in this process goes on with.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core
from stripe_raw_rs.exceptions import FencedError, HeldError, StripeRawError, UsageError
from stripe_raw_rs.executors import Executors, hold, importer, settings_of, share
from stripe_raw_rs.lost_commits import GivenUp, require_landed
from stripe_raw_rs.owner import is_dead
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.surface import option
from stripe_raw_rs.text import counted, error_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from stripe_raw_rs._core import ApiKey, Client, Ending, Entity, Histories, Wave
    from stripe_raw_rs.attempt import Job
    from stripe_raw_rs.distributed.fetch import Fetch
    from stripe_raw_rs.tables import Tables

logger = logging.getLogger("stripe_raw_rs")

# Accounts of one wave: its rows wait in a table until all have come.
_WAVE = 2_048
# Tasks of Spark, if nobody says how many may run at once.
_TASKS = 4


@dataclass
class Landed:
    """What the waves of a list have landed."""

    waves: int = 0
    endings: list[Ending] = field(default_factory=list)
    pages: int = 0
    rows: int = 0
    refused: int = 0
    newest: int | None = None

    def add(self, wave: Wave) -> None:
        """Count a wave that has landed."""
        self.waves += 1
        self.endings += [ending for ending in wave.endings if ending.is_complete]
        self.pages += wave.page_count
        self.rows += wave.row_count
        self.refused += wave.refused
        self.newest = max((each for each in (self.newest, wave.newest) if each is not None), default=None)


def executors_of(options: Mapping[str, Any], key: ApiKey, client: Client, tables: Tables) -> Executors | None:
    """Say what executors get, if the options want them. Raises UsageError if they cannot be used."""
    if not options.get("distributed"):
        return None
    if not hasattr(tables, "waiting"):
        message = f"{option('distributed')} is for Spark: give {option('catalog')} and {option('schema')}"
        raise UsageError(message)
    if options.get("max_requests") is not None:
        message = (
            f"{option('distributed')} and {option('max_requests')} exclude each other: tasks cannot count together"
        )
        raise UsageError(message)
    tasks = int(options.get("distributed_tasks", _TASKS))
    if tasks < 1:
        message = f"{option('distributed_tasks')} must be 1 or more"
        raise UsageError(message)
    settings = settings_of(options)
    logger.info("the limits of requests are shared: one process would read as fast as %s", counted(tasks, "task"))
    return Executors(hold(key), {**settings, **share(client, settings, tasks)}, tasks)


def land_first_runs(job: Job, entity: Entity, landed: Landed) -> None:
    """Land the first runs of accounts that have none. Lists of single objects follow others, and are left alone."""
    # A run that is given up comes first, and what is lost with it.
    if job.executors is None or entity.parent is not None or job.give_up is not None:
        return
    tried: set[str | None] = set()
    while True:
        histories = job.state.histories([entity.name], job.accounts)[entity.name]
        new = [each for each in job.accounts if each not in tried and histories.of(each).state == "never ran"]
        # One account is read as fast by this process.
        if tried:
            job.parents.add(entity.name, histories.parent_rows)
        if len(new) <= 1:
            return
        accounts = new[:_WAVE]
        tried.update(accounts)
        planned = _plan(job, job.executors, entity, histories, accounts)
        if planned is None:
            return
        what = f"{counted(len(planned.tasks), 'task')} of Spark"
        logger.info("%s: %s read the first runs of %s", entity.name, what, counted(len(accounts), "account"))
        try:
            wave = _land(job, entity, planned, histories)
        except (FencedError, HeldError):
            raise
        except StripeRawError as error:
            # It may have begun runs: then this process goes on with them.
            landed.waves += 1
            logger.warning("%s: executors could not do it, so this process reads: %s", entity.name, error_line(error))
            return
        landed.add(wave)
        rows, ended = counted(wave.row_count, "object"), counted(len(wave.endings), "account")
        logger.info("%s: landed %s of %s", entity.name, rows, ended)


def _land(job: Job, entity: Entity, planned: Fetch, histories: Histories) -> Wave:
    """Read and land one wave."""
    from stripe_raw_rs.distributed.fetch import EVENTS, events_of, schema  # noqa: PLC0415 - it needs pyarrow

    executors = cast("Executors", job.executors)
    raw = RawWriter(job.tables, entity, job.state.store_id)
    raw.check()
    require_landed(raw, job.state, histories, job.accounts, GivenUp((), restarts=False))
    with job.tables.waiting(f"{entity.table}_waiting", planned.epoch) as waiting:  # type: ignore[attr-defined]
        # Each list may use all of a task's share.
        with executors.turn:
            waiting.fill(len(planned.tasks), _task(executors, planned), schema())
        wave = _core.Wave(entity.name, job.state.store_id, planned.epoch)
        for text in waiting.texts(EVENTS):
            wave.add_events(events_of(text))
        wave.check_rows(waiting.counts(["_ingest_run_id", "_page_number"], EVENTS))
        if not wave.endings:
            return wave
        # The order of these lines makes a kill harmless.
        job.state.append(wave.claims())
        if histories.is_fresh:
            job.state.require_ours()
        raw.create()
        job.state.append(wave.refusals())
        raw.append_waiting(wave.rows(), waiting.rows(_core.raw_schema().names, EVENTS), wave.row_count)
        job.state.append(wave.pages())
    return wave


def _plan(
    job: Job, executors: Executors, entity: Entity, histories: Histories, accounts: list[str | None]
) -> Fetch | None:
    """Plan the attempt, to learn its number, and whether somebody else has the list. Nothing is asked by it."""
    from stripe_raw_rs.distributed.fetch import Fetch  # noqa: PLC0415 - as above

    wishes: dict[str, Any] = {
        "store_id": job.state.store_id,
        "owner": job.owner,
        "start": job.start,
        "settings": dict(job.settings),
        "follows": job.events.are_read,
        "has_asked_lists": job.parents.are_asked(entity),
        "may_lack": not entity.is_named,
        "among_others": True,
    }
    attempt = job.client.attempt(
        entity.name,
        histories,
        accounts=accounts,
        take_over=job.take_over,
        dead_owners=[owner for owner in histories.owners if is_dead(owner)],
        **wishes,
    )
    with closing(attempt):
        if not attempt.is_new:
            return None
        count = min(executors.tasks, len(accounts))
        tasks = tuple(tuple(accounts[number::count]) for number in range(count))
        paths = tuple(path for path in job.paths if "/" in path)
        return Fetch(entity.name, tasks, paths, attempt.epoch, wishes)


def _task(executors: Executors, plan: Fetch) -> Callable[[int], Iterator[pa.RecordBatch]]:
    """Make what a task does. It is made here, so that it is pickled by value, with the key in its closure."""
    key, settings, code = executors.key, executors.settings, importer("distributed.fetch")
    # Of our own modules, a plan would import one where it is read.
    values = {**plan._asdict(), "version": _core.__version__}

    def task(number: int) -> Iterator[pa.RecordBatch]:
        rows: Iterator[pa.RecordBatch] = code().fetch(key, settings, values, number)
        return rows

    return task

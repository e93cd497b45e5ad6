"""First runs of many accounts: Spark's executors read them, and this process commits them, wave by wave.

A wave is an attempt of its own, whose runs are all new. It reads first, like any new run, and its rows wait in a table
until all of it is there. Then it takes the same steps as any attempt: it claims its runs, appends their rows, and then
the events about them. Whatever it leaves unfinished, the attempt that follows in this process goes on with.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core
from stripe_raw_rs.distributed.fetch import EVENTS, Fetch, events_of, fetch, schema
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from stripe_raw_rs._core import ApiKey, Ending, Entity, Wave
    from stripe_raw_rs.attempt import Job

logger = logging.getLogger("stripe_raw_rs")

# Accounts of one wave: its rows wait in a table until all have come.
_WAVE = 2_048


@dataclass(frozen=True)
class Executors:
    """What the executors need of a call, beside its accounts."""

    key: ApiKey = field(repr=False)
    # Options of requests; the limits are those of one task.
    options: Mapping[str, Any]
    paths: Sequence[str]
    # Most tasks at a time.
    tasks: int


@dataclass
class Landed:
    """What the waves of a list have landed."""

    endings: list[Ending] = field(default_factory=list)
    pages: int = 0
    rows: int = 0
    newest: int | None = None

    def add(self, wave: Wave) -> None:
        """Count a wave that has landed."""
        self.endings += [ending for ending in wave.endings if ending.is_complete]
        self.pages += wave.page_count
        self.rows += wave.row_count
        self.newest = max((each for each in (self.newest, wave.newest) if each is not None), default=None)


def land_first_runs(job: Job, entity: Entity, landed: Landed) -> None:
    """Land the first runs of accounts that have none. Lists of single objects follow others, and are left alone."""
    if job.executors is None or entity.parent is not None:
        return
    tried: set[str | None] = set()
    while True:
        histories = job.state.histories([entity.name], job.accounts)[entity.name]
        new = [each for each in job.accounts if each not in tried and histories.of(each).state == "never ran"]
        wave = new[:_WAVE]
        # One account is read as fast by this process.
        if len(wave) <= 1:
            if tried:
                job.parents.add(entity.name, histories.parent_rows)
            return
        tried.update(wave)
        _land(job, entity, histories, wave, landed)


def _land(
    job: Job, entity: Entity, histories: _core.Histories, accounts: Sequence[str | None], landed: Landed
) -> None:
    executors = job.executors
    wishes = {
        "store_id": job.state.store_id,
        "owner": job.owner,
        "start": job.start,
        "settings": dict(job.settings),
        "follows": job.events.are_read,
        "has_asked_lists": job.parents.are_asked(entity),
        "may_lack": not entity.is_named,
    }
    # It only says which number the attempt has, and whether somebody else has the list.
    plan = job.client.attempt(
        entity.name, histories, accounts=list(accounts), among_others=True, take_over=job.take_over, **wishes
    )
    with closing(plan):
        if executors is None or not plan.is_new:
            return
        epoch = plan.epoch
    count = min(executors.tasks, len(accounts))
    tasks = tuple(tuple(accounts[number::count]) for number in range(count))
    what = Fetch(entity.name, tasks, tuple(executors.paths), epoch, executors.options, wishes)
    logger.info("%s: %s of Spark read the first runs of %s", entity.name, counted(count, "task"), counted(len(accounts), "account"))
    raw = RawWriter(job.tables, entity, job.state.store_id)
    raw.check()
    with job.tables.staging(f"{entity.table}_staging", epoch) as waiting:
        waiting.fill(count, task_of(executors.key, what), schema())
        wave = _core.Wave(entity.name, job.state.store_id, epoch)
        for text in waiting.texts(EVENTS):
            wave.add_events(events_of(text))
        wave.check_rows(waiting.counts(["_ingest_run_id", "_page_number"], EVENTS))
        if not wave.endings:
            return
        job.state.append(wave.claims())
        if histories.is_fresh:
            job.state.require_ours()
        raw.create()
        job.state.append(wave.refusals())
        raw.append_waiting(wave.rows(), waiting.rows(_core.raw_schema().names, EVENTS), wave.row_count)
        job.state.append(wave.pages())
    landed.add(wave)


def task_of(key: ApiKey, plan: Fetch) -> Callable[[int], Iterator[pa.RecordBatch]]:
    """Make what a task does. It is made here, so that it is pickled by value, with the key in its closure."""

    class Key:
        """The text of the key: as an attribute it is in no traceback, message or `repr`."""

        __slots__ = ("text",)

    held: Any = Key()
    held.text = _core.expose(key)

    def task(number: int) -> Iterator[pa.RecordBatch]:
        return fetch(held, plan, number)

    return task

"""The main job: Stripe's lists into raw tables, progress into the checkpoint table, in the write protocol's order."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core, accounts, telemetry
from stripe_raw_rs.account import check_account_of_lake
from stripe_raw_rs.attempt import Job
from stripe_raw_rs.client import client_of, key_of
from stripe_raw_rs.counters import Counters, attributes
from stripe_raw_rs.distributed import executors_of
from stripe_raw_rs.entity_job import ingest_entity
from stripe_raw_rs.exceptions import TableError, UsageError
from stripe_raw_rs.followed_events import EVENTS, FollowedEvents
from stripe_raw_rs.followed_parents import FollowedParents
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import keywords_of, place_of, take_key
from stripe_raw_rs.notebook import usual_display
from stripe_raw_rs.owner import default_owner
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.progress import Guarded, drain_log
from stripe_raw_rs.report import IngestInterrupted, Report
from stripe_raw_rs.request_rate import Measured
from stripe_raw_rs.start import start_seconds
from stripe_raw_rs.state_store import StateStore
from stripe_raw_rs.tables import check_schema, require_methods
from stripe_raw_rs.text import counted
from stripe_raw_rs.threads import each_in_a_thread
from stripe_raw_rs.upkeep import keep_in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Unpack

    from stripe_raw_rs._core import ApiKey, Entity
    from stripe_raw_rs.entity_result import EntityResult
    from stripe_raw_rs.keywords import IngestKeywords


logger = logging.getLogger("stripe_raw_rs")


@with_keywords("run")
def ingest(**given: Unpack[IngestKeywords]) -> Report:
    """Land what is new in the entities' lists, and report on each.

    The tables are in the folder `lake`, or in the schema `schema` of `catalog`, see `TableOptions`; `tables` are any
    others. The key is `api_key`, or the named Databricks secret, or the content of the file, or `STRIPE_API_KEY`, in
    this order; it is kept nowhere. An entity that fails does not stop the others: the report says so, and its
    `raise_for_status()` raises. `give_up` ends an unfinished run first: "restart" begins again where the last
    complete run left off, "scratch" at the beginning of the account.

    Keywords are the options of `stripe-raw run`, with their defaults: one that is None counts as not given. Behind
    them stand the variables `STRIPE_RAW_...`, and behind these the settings file and its `profile`, as on the command
    line. An empty option of the command line counts as not given, too; `accounts=""` and an empty list are refused,
    because a program that meant some accounts has none.

    Ctrl-C ends all entities at their next page. Their pages are committed; then IngestInterrupted is raised, a
    KeyboardInterrupt that has the report. Before the first list is read, and at a second Ctrl-C, it is a plain
    KeyboardInterrupt. Raises UsageError if something cannot be used as given; nothing was written then.
    """
    keywords = cast("dict[str, Any]", given)
    key = take_key(keywords)
    with panics_as_errors(), keywords_of("run", keywords) as options:
        return land(key, options)


def land(key: ApiKey | None, options: Mapping[str, Any]) -> Report:
    """Do the work of `ingest` with exactly these keywords, whatever the environment says."""
    with telemetry.exporting(), telemetry.span("stripe_raw.ingest", {}):
        return _land(key, options)


def _land(key: ApiKey | None, options: Mapping[str, Any]) -> Report:
    began = time.monotonic()
    selection = _core.entities_to_land(options.get("entities", ""))
    usual, meter = options.get("display"), telemetry.meter()
    counters = None if meter is None else telemetry.guarded(lambda: Counters(meter))
    displays = [usual_display() if usual is None else usual, *([] if counters is None else [counters])]
    display = Measured(Guarded(*displays))
    job = _job(key, {**options, "display": display}, selection)
    results, interrupted = _all(job, selection)
    seconds, limit = time.monotonic() - began, job.client.max_requests_per_second
    report = Report(job.tables.location, tuple(results), seconds, display.rate.per_second(), limit)
    if report.skipped:
        logger.info("skipped, because the account does not have them: %s", ", ".join(report.skipped))
    tables, names = job.tables, [job.state.table_name]
    # The client has the memory that pages were read into: the upkeep needs memory, too, and takes its place.
    del job
    if not interrupted and options.get("maintenance") != "no":
        asked = {result.entity for result in results}
        names += [entity.table for entity in selection if entity.name in asked]
        try:
            keep_in_order(tables, names)
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise IngestInterrupted(report)
    return report


def _job(key: ApiKey | None, options: Mapping[str, Any], selection: Sequence[Entity]) -> Job:
    """Open everything that the lists share. Anything unusable is found here, before anything is written."""
    checkpoint_table, give_up = (options.get(name) for name in ("checkpoint_table", "give_up"))
    since = start_seconds(options["start"]) if "start" in options else None
    names = accounts.named(options)
    checkpoint_table = checkpoint_table or _core.CHECKPOINT_TABLE
    # Catalogs and some file systems take names that differ in case alone for the same name.
    if checkpoint_table.lower() in {entity.table for entity in _core.all_entities()}:
        message = f"'{checkpoint_table}' is the name of a raw table: choose another checkpoint table"
        raise UsageError(message)
    key = key_of(key, options)
    client = client_of(key, options)
    # Stripe answers while the tables are opened.
    client.ask_account_id()
    tables = place_of(options)
    executors = executors_of(options, key, tables)
    if options.get("tables") is not None:
        require_methods(tables.table(checkpoint_table))
    # The checkpoint table concerns all lists: its columns are checked before anything is written. A raw table's columns
    # concern its own list.
    check_schema(tables.table(checkpoint_table), _core.checkpoint_schema())
    for entity in selection:
        tables.table(entity.table)
    state = StateStore(tables, client, checkpoint_table)
    read = accounts.of_lake(names, client, state)
    if give_up != "scratch":
        check_account_of_lake(client, tables, state, selection, read[0])
    # Nothing that is found from here on refuses the lake as a whole, so it may be changed.
    state.upgrade()
    lists = [entity.name for entity in selection]
    parents = {entity.parent for entity in selection if entity.parent is not None}
    try:
        histories = state.histories([*lists, *sorted(parents - {*lists})], read)
    except TableError:
        # A fault that concerns one list alone is reported by that list.
        histories = {}
    are_read = options.get("changes") != "no" and any(entity.name == EVENTS for entity in selection)
    # A cluster may have kept an older wheel, and an environment may name other authorities: the log names both.
    chosen = [entity.name for entity in _core.entities(options.get("entities", ""))]
    what = (_core.__version__, counted(len(chosen), "list"), tables.location, client.authorities)
    logger.info("stripe-raw %s lands %s in %s; certificate authorities: %s", *what)
    accounts.estimate(client, read, sum(entity.parent is None for entity in selection))
    return Job(
        client=client,
        tables=tables,
        state=state,
        display=options["display"],
        accounts=read,
        paths=names or (),
        owner=options.get("owner") or default_owner(),
        take_over=bool(options.get("take_over")),
        give_up=give_up,
        start=since,
        settings={
            "tables": tables.location,
            "entities": ",".join(chosen),
            **({"bundle_target": options["bundle_target"]} if "bundle_target" in options else {}),
        },
        histories=histories,
        events=FollowedEvents(
            tables,
            state,
            read,
            lists=lists,
            are_read=are_read,
            before=histories.get(EVENTS),
        ),
        parents=FollowedParents(tables, state, selection, histories),
        executors=executors,
    )


def _all(job: Job, selection: Sequence[Entity]) -> tuple[list[EntityResult], bool]:
    """Ingest all entities at once, while this thread waits for Ctrl-C; say whether there was one."""
    results: dict[str, EntityResult] = {}

    def work(entity: Entity) -> None:
        try:
            with telemetry.span("stripe_raw.list", {"stripe_raw.entity": entity.name}) as added:
                results[entity.name] = result = ingest_entity(job, entity)
                added.update(attributes(result))
        finally:
            job.parents.has_ended(entity.name)
            if entity.name == EVENTS:
                job.events.have_landed()
        if result.run_id is not None or not result.is_idle:
            job.display.finished(result)

    def tick() -> None:
        drain_log(job.display)
        job.display.tick()
        if job.executors is not None:
            job.executors.tick()

    def interrupt() -> None:
        job.client.interrupt()
        if job.executors is not None:
            job.executors.interrupt()

    interrupted = each_in_a_thread(work, selection, tick=tick, interrupt=interrupt)
    job.display.close()
    drain_log(job.display)
    done = [(entity, results[entity.name]) for entity in selection]
    # A list that comes with its parents' is worth a line only if anything was asked of it.
    return [result for entity, result in done if entity.is_named or not result.is_idle], interrupted

"""The main job: Stripe's lists into raw tables, progress into the checkpoint table, in the write protocol's order."""

from __future__ import annotations

import logging
import time
import traceback
from typing import TYPE_CHECKING, cast

from stripe_raw_rs import _core
from stripe_raw_rs.account import check_account_of_lake
from stripe_raw_rs.api_key import read_api_key
from stripe_raw_rs.attempt import Job, attempt, naming_the_winner
from stripe_raw_rs.exceptions import FencedError, InterruptedRunError, UsageError
from stripe_raw_rs.owner import default_owner
from stripe_raw_rs.panics import as_error, panics_as_errors
from stripe_raw_rs.progress import LogLines, drain_log
from stripe_raw_rs.report import EntityResult, Report
from stripe_raw_rs.start import start_seconds
from stripe_raw_rs.state_store import StateStore
from stripe_raw_rs.tables import Place, check_schema, open_tables
from stripe_raw_rs.threads import each_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from typing_extensions import Unpack

    from stripe_raw_rs._core import ApiKey, Entity, Run, _Options
    from stripe_raw_rs.attempt import GiveUp
    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.tables import Tables

    class _PlaceAndOptions(Place, _Options, total=False):
        pass


logger = logging.getLogger("stripe_raw_rs")


def ingest(  # noqa: PLR0913 - keywords only, each an option of the command line
    *,
    entities: str | Iterable[str] = "",
    tables: Tables | None = None,
    api_key: str | ApiKey | None = None,
    api_key_file: str | Path | None = None,
    stripe_secret_scope: str | None = None,
    stripe_secret_key: str | None = None,
    stripe_account: str | None = None,
    checkpoint_table: str | None = None,
    owner: str | None = None,
    start: str | date | int | None = None,
    take_over: bool = False,
    give_up: GiveUp | None = None,
    bundle_target: str | None = None,
    display: Display | None = None,
    **options: Unpack[_PlaceAndOptions],
) -> Report:
    """Land what is new in the entities' lists, and report on each.

    The tables are in the folder `lake`, or in the schema `schema` of `catalog`, see `Place`; `tables` is any other
    place. The key is `api_key`, or the Databricks secret that is named, or what the file has, or `STRIPE_API_KEY`, in
    this order; it is kept nowhere. An entity that fails does not stop the others: the report says so, and its
    `raise_for_status()` raises. `give_up` ends an unfinished run first: "restart" begins again where the last
    complete run left off, "scratch" at the beginning of the account.

    Ctrl-C ends all entities at their next page; what they have is committed, and the report's exit code is 130.
    Raises UsageError for what cannot be used as given; nothing was written then.
    """
    began = time.monotonic()
    try:
        key = None if api_key is None else _core.ApiKey(api_key)
    finally:
        # A text that is a key stands in no variable while anything can go wrong.
        del api_key
    with panics_as_errors():
        entities = entities if isinstance(entities, str) else ",".join(entities)
        if error := _core.stray_secret(
            {
                "entities": entities,
                "api_key_file": api_key_file,
                "stripe_secret_scope": stripe_secret_scope,
                "stripe_secret_key": stripe_secret_key,
                "stripe_account": stripe_account,
                "checkpoint_table": checkpoint_table,
                "owner": owner,
                "start": start,
                "take_over": take_over,
                "give_up": give_up,
                "bundle_target": bundle_target,
                **options,
            }
        ):
            del entities, api_key_file, stripe_secret_scope, stripe_secret_key, stripe_account, checkpoint_table
            del owner, start, take_over, give_up, bundle_target, options
            raise error
        selection = _core.entities(entities)
        since = None if start is None else start_seconds(start)
        if stripe_account is not None:
            _core.check_account(stripe_account)
        checkpoint_table = checkpoint_table or _core.CHECKPOINT_TABLE
        # Catalogs and some file systems take names for the same that differ in case alone.
        if checkpoint_table.lower() in {entity.table for entity in _core.entities("all")}:
            message = f"'{checkpoint_table}' is the name of a raw table: choose another checkpoint table"
            raise UsageError(message)
        where, requests = _parted(options)
        key = key or read_api_key(secret_scope=stripe_secret_scope, secret_key=stripe_secret_key, file=api_key_file)
        client = _core.Client(key, **requests)
        del key
        # Stripe answers while the tables are opened.
        client.ask_account_id()
        place = tables or open_tables(where)
        # What concerns all lists is looked at before anything is written; a raw table's columns concern its own list.
        check_schema(place.table(checkpoint_table), _core.checkpoint_schema())
        for entity in selection:
            place.table(entity.table)
        state = StateStore(place, client, checkpoint_table)
        if give_up != "scratch":
            check_account_of_lake(client, place, state, selection, stripe_account)
        job = Job(
            client=client,
            tables=place,
            state=state,
            display=display or LogLines(),
            account=stripe_account,
            owner=owner or default_owner(),
            take_over=take_over,
            give_up=give_up,
            start=since,
            settings={
                "tables": place.location,
                "entities": ",".join(entity.name for entity in selection),
                **({} if bundle_target is None else {"bundle_target": bundle_target}),
            },
        )
        # A cluster may have kept an older wheel, and an environment may name other authorities: both are said.
        what = (_core.__version__, len(selection), place.location, client.authorities)
        logger.info("stripe-raw %s lands %d lists in %s; certificate authorities: %s", *what)
        return Report(place.location, tuple(_all(job, selection)), time.monotonic() - began)


def _parted(options: _PlaceAndOptions) -> tuple[Place, _Options]:
    """Part the options that say where the tables are from those of the requests."""
    where = {name: value for name, value in options.items() if name in Place.__annotations__}
    requests = {name: value for name, value in options.items() if name not in where}
    return cast("Place", where), cast("_Options", requests)


def _all(job: Job, selection: list[Entity]) -> list[EntityResult]:
    """Ingest all entities at once, while this thread keeps an ear open for Ctrl-C."""
    results: dict[str, EntityResult] = {}

    def work(entity: Entity) -> None:
        results[entity.name] = result = _ingest_entity(job, entity)
        job.display.finished(result)

    def tick() -> None:
        drain_log()
        job.display.tick()

    each_in_a_thread(work, selection, tick=tick, interrupt=job.client.interrupt)
    job.display.close()
    drain_log()
    return [results[entity.name] for entity in selection]


def _forget_locals(error: BaseException) -> None:
    """Drop what the frames of an error's traceback hold on to: pages, above all, for as long as the report lives."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


def _ingest_entity(job: Job, entity: Entity) -> EntityResult:
    """One attempt after the other, until a run that was begun here is complete, or something goes wrong."""
    began = time.monotonic()
    runs: list[Run] = []
    error: BaseException | None = None
    try:
        while not runs or runs[-1].resumed or runs[-1].gives_up:
            try:
                attempt(job, entity, runs)
            except FencedError as fenced:  # noqa: PERF203 - at most two rounds
                raise naming_the_winner(job, entity, fenced) from fenced
    except BaseException as caught:  # noqa: BLE001 - whatever happens to one entity must not stop the others
        error = as_error(caught)
        _forget_locals(error)
    error = error or next((run.refusal for run in runs if run.refusal is not None), None)
    done = [run.progress() for run in runs]
    result = EntityResult(
        entity=entity.name,
        run_id=runs[-1].run_id if runs else None,
        pages=sum(progress.pages for progress in done),
        rows=sum(progress.rows for progress in done),
        requests=sum(progress.requests for progress in done),
        retries=sum(progress.retries for progress in done),
        bytes=sum(progress.bytes for progress in done),
        undated=sum(progress.undated for progress in done),
        refused=sum(progress.refused for progress in done),
        seconds=time.monotonic() - began,
        watermark=done[-1].newest if done else None,
        error=error,
    )
    if error is not None:
        level = logging.WARNING if isinstance(error, InterruptedRunError) else logging.ERROR
        logger.log(level, "%s", result.message, extra={"fields": {"entity": entity.name}})
        logger.debug("%s: traceback", entity.name, exc_info=error)
    return result

"""What the next run would do, and about what it would cost: some requests for each list. Nothing is written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core, accounts
from stripe_raw_rs.account import check_account_of_lake
from stripe_raw_rs.client import client_of
from stripe_raw_rs.distributed import check_distributed
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import keywords_of, place_of, take_key
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.plan_list import Call, plan_list
from stripe_raw_rs.plan_report import Plan
from stripe_raw_rs.progress import LogLines, drain_log
from stripe_raw_rs.start import start_seconds
from stripe_raw_rs.state_store import StateStore
from stripe_raw_rs.tables import check_schema
from stripe_raw_rs.threads import each_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Unpack

    from stripe_raw_rs._core import ApiKey, Client, Entity, Histories
    from stripe_raw_rs.keywords import IngestKeywords
    from stripe_raw_rs.plan_report import PlannedList


class _Nothing:
    """A lake that is not there yet."""

    def __init__(self, own_account: str | None) -> None:
        self.own_account = own_account

    def entities(self) -> list[tuple[str, str | None]]:
        return []


@with_keywords("plan")
def plan(**given: Unpack[IngestKeywords]) -> Plan:
    """Say what `ingest` would do with these keywords, and about what it would cost. Nothing is written.

    At most `_core.MOST_SURVEY_REQUESTS` requests are sent for each list, and one for the account's id; of several
    accounts, only the key's own is asked. Raises UsageError if something cannot be used as given.
    """
    keywords = cast("dict[str, Any]", given)
    key = take_key(keywords)
    with panics_as_errors(), keywords_of("plan", keywords) as options:
        return look_ahead(key, options)


def look_ahead(key: ApiKey | None, options: Mapping[str, Any]) -> Plan:
    """Do what `plan` does with exactly these keywords, whatever the environment says."""
    selection = _core.entities_to_land(options.get("entities", ""))
    call = _call(key, options, selection)
    found: dict[str, PlannedList] = {}
    display = LogLines()

    def work(entity: Entity) -> None:
        found[entity.name] = plan_list(call, entity)

    if each_in_a_thread(work, selection, tick=partial(drain_log, display), interrupt=call.client.interrupt):
        raise KeyboardInterrupt
    drain_log(display)
    # Of a list that comes with its parents' nothing is said unless something would run.
    lists = [found[entity.name] for entity in selection if entity.parent is None or entity.is_named]
    return Plan(
        location=call.tables.location,
        origin=call.client.origin,
        mode=call.client.mode,
        stripe_account=call.client.account_id(),
        accounts=len(call.accounts),
        entities=tuple(lists),
        follows=call.follows,
        seconds_at_limit=call.client.seconds([planned.requests or 0 for planned in lists]),
    )


def _call(key: ApiKey | None, options: Mapping[str, Any], selection: Sequence[Entity]) -> Call:
    """Open what is there. Anything unusable is found here, as a run would find it."""
    if "start" in options:
        options = {**options, "start": start_seconds(options["start"])}
    names = accounts.named(options)
    # The bound is the run's: it is not for these requests.
    client = client_of(key, {name: value for name, value in options.items() if name != "max_requests"})
    client.ask_account_id()
    tables = place_of(options)
    check_distributed(options, tables)
    checkpoint_table = options.get("checkpoint_table") or _core.CHECKPOINT_TABLE
    state = None
    if tables.table(checkpoint_table).exists():
        check_schema(tables.table(checkpoint_table), _core.checkpoint_schema())
        state = StateStore(tables, client, checkpoint_table, only_reads=True)
    read = accounts.of_lake(names, client, state or _Nothing(client.account_id()))
    if state is not None and options.get("give_up") != "scratch":
        check_account_of_lake(client, tables, state, selection, read[0])
    return Call(
        client=client,
        tables=tables,
        state=state,
        accounts=read,
        asked=_asked(read, client),
        histories=_histories(state, selection, read),
        options=options,
        follows=options.get("changes") != "no" and any(entity.name == EVENTS for entity in selection),
    )


def _asked(read: Sequence[str | None], client: Client) -> tuple[str | None] | None:
    """Name the account to ask: the only one, or the key's own among several."""
    own = None if None in read else client.account_id()
    return (read[0],) if len(read) == 1 else (own,) if own in read else None


def _histories(
    state: StateStore | None, selection: Sequence[Entity], read: Sequence[str | None]
) -> dict[str, Histories]:
    # Events of an earlier layout do not say what older ones do: they are read list by list.
    if state is None or not state.is_current:
        return {}
    parents = {entity.parent for entity in selection if entity.parent is not None}
    lists = dict.fromkeys([*(entity.name for entity in selection), *sorted(parents)])
    try:
        return state.histories([*lists], read)
    except StripeRawError:
        # A fault that concerns one list alone is reported by that list.
        return {}

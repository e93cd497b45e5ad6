"""What the next run of one list would do: from its history, and from some requests for the list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core
from stripe_raw_rs._core import one_line
from stripe_raw_rs.exceptions import HeldError, ProductMissingError, StripeRawError
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.lost_commits import GivenUp, require_landed
from stripe_raw_rs.owner import default_owner, is_dead
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.plan_report import PlannedList
from stripe_raw_rs.raw_writer import RawWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stripe_raw_rs._core import Client, Entity, Histories, History, NextRun, Outlook
    from stripe_raw_rs.state_store import StateStore
    from stripe_raw_rs.tables import Tables


@dataclass(frozen=True)
class Call:
    """What the lists of a call share."""

    client: Client
    tables: Tables
    # None if there is no lake yet.
    state: StateStore | None
    accounts: Sequence[str | None]
    # The account that is asked, if it is one of several.
    asked: tuple[str | None] | None
    histories: Mapping[str, Histories]
    options: Mapping[str, Any]
    follows: bool


def plan_list(call: Call, entity: Entity) -> PlannedList:
    """Plan one list. An error takes the place of its numbers, and stops no other list."""
    try:
        with panics_as_errors():
            outlook = _outlook(call, entity)
    except StripeRawError as error:
        line = one_line(error)
        shown = line if line.startswith(f"{entity.name}: ") else f"{entity.name}: {line}"
        return PlannedList(entity.name, error=shown, is_held=isinstance(error, HeldError))
    one = outlook.one
    planned = PlannedList(
        entity.name,
        permission=entity.permission or None,
        next_run="-" if one is None else one.line,
        run_id=None if one is None else one.run_id,
        start_created_gte=None if one is None else one.start_created_gte,
        runs=one is not None and entity.parent is None,
        continued=outlook.continued,
        new=outlook.new,
        without_news=outlook.without_news,
        warnings=() if one is None else (*one.warnings, *(one.notices[1:] if one.goes_on else ())),
    )
    # A list of single objects cannot be asked for without one.
    if entity.parent is not None:
        return planned
    if call.asked is None or one is None:
        runs = outlook.continued + outlook.new
        return replace(planned, requests=runs, seconds_at_limit=call.client.seconds([runs]))
    return _surveyed(call, entity, planned, one)


def _surveyed(call: Call, entity: Entity, planned: PlannedList, one: NextRun) -> PlannedList:
    """Add what the list itself says: whether it can be read, and about how many objects it has."""
    (account,) = call.asked or (None,)
    survey = call.client.survey(entity.name, account, since=one.start_created_gte, landed=one.landed)
    probe = survey.probe
    planned = replace(planned, state=probe.state, permission=probe.permission or None, requests_sent=survey.sent)
    if probe.error is not None:
        line = one_line(probe.error)
        is_absent = isinstance(probe.error, ProductMissingError) and not (entity.is_named or one.was_ever_read)
        return replace(planned, skipped=line, runs=False) if is_absent else replace(planned, error=line, runs=False)
    others = max(planned.continued + planned.new - 1, 0)
    requests = survey.requests + others
    return replace(
        planned,
        objects=survey.objects,
        accuracy=survey.accuracy,
        requests=requests,
        seconds_at_limit=call.client.seconds([requests]),
    )


def _outlook(call: Call, entity: Entity) -> Outlook:
    """Say which runs the list would have. Raises what a run would fail with before it asks anything."""
    state, read = call.state, call.accounts
    raw = RawWriter(call.tables, entity, "" if state is None else state.store_id)
    raw.check()
    if state is None:
        return _next(call, entity, None)
    if not state.is_current:
        # Its runs are from a time when each call had one account.
        return _next(call, entity, state.whole_history(entity.name, read[0]))
    histories = call.histories.get(entity.name) or state.histories([entity.name], read)[entity.name]
    outlook = _next(call, entity, histories)
    given_up = GivenUp(outlook.given_up, restarts=call.options.get("give_up") == "restart")
    require_landed(raw, state, histories, read, given_up)
    return outlook


def _next(call: Call, entity: Entity, known: Histories | History | None) -> Outlook:
    owners = known.owners if isinstance(known, _core.Histories) else {known.owner if known else None}
    parents = call.histories.get(entity.parent or "")
    return call.client.outlook(
        entity.name,
        known,
        accounts=[*call.accounts],
        wishes={
            "owner": call.options.get("owner") or default_owner(),
            "dead_owners": [owner for owner in owners if owner is not None and is_dead(owner)],
            "take_over": bool(call.options.get("take_over")),
            "give_up": call.options.get("give_up"),
            "start": call.options.get("start"),
            "follows": call.follows,
            "account": None if call.asked is None else call.asked[0],
        },
        events=None if entity.event_coverage == "none" or not call.follows else call.histories.get(EVENTS),
        parents=None if parents is None else parents.parent_rows,
    )

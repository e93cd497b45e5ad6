"""Views over the tables, as SQL: the latest state of each object, and all its states. Nothing is created here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.dialects import Dialect, DuckDb
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.tables import open_tables, present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from stripe_raw_rs._core import Entity, Schema
    from stripe_raw_rs.tables import TableOptions, Tables

# The newest row of an object has the largest _commit_version: an object has one row in a run at most. An object is
# deleted if an event says so, or if the run that read the whole list again did not find it: events were lost then.
_LATEST = """\
WITH newest AS (
  SELECT *, row_number() OVER (PARTITION BY _stripe_account, _stripe_id ORDER BY _commit_version DESC) AS _age
  FROM {raw}
),
read_again AS (
  SELECT stripe_account, run_id, row_number() OVER (PARTITION BY stripe_account ORDER BY epoch DESC) AS _age
  FROM {checkpoints} WHERE entity = '{entity}' AND event_type = 'RUN_COMPLETED' AND relands
),
whole AS (
  SELECT run.stripe_account, run.run_id, min(run.epoch) * 4294967296 AS first_version,
    max(run.start_created_gte) AS first_second
  FROM {checkpoints} AS run JOIN read_again ON run.run_id = read_again.run_id AND read_again._age = 1
  WHERE run.entity = '{entity}' GROUP BY run.stripe_account, run.run_id
)
SELECT {columns},
  {deleted}
  OR coalesce(newest._commit_version < whole.first_version
    AND (whole.first_second IS NULL OR {seconds} >= whole.first_second), false)
  OR coalesce(newest._ingest_run_id = whole.run_id AND newest._source = 'event', false) AS _deleted
FROM newest LEFT JOIN whole ON newest._stripe_account IS NOT DISTINCT FROM whole.stripe_account
WHERE newest._age = 1"""
_HISTORY = """\
SELECT _stripe_account, _stripe_id, _ingested_at AS _seen_at, 'list' AS _source,
  CAST(NULL AS {text}) AS _event_id, CAST(NULL AS {text}) AS _event_type, _api_version, _raw_json
FROM {raw} WHERE _source IS DISTINCT FROM 'event'"""
_OF_EVENTS = """
UNION ALL
SELECT DISTINCT _stripe_account, {id}, _stripe_created_at, 'event', _stripe_id, {type}, {version}, {object}
FROM {events} WHERE {type} IN ({types}) AND {id} IS NOT NULL"""
# The list of an object: what its newest row shows, if that is the whole and no run has asked for the list since; else
# the rows of the newest run that has read the list to its end.
_LISTS = """\
WITH parent AS (
  SELECT _stripe_account, _stripe_id, _raw_json, read_out.run_id AS _run_id,
    {is_shown} AND coalesce(read_out.source_to * 4294967296 + 4294967295 < _commit_version, true) AS _is_inline
  FROM (
{latest}
  ) AS of_parents
  LEFT JOIN (
    SELECT stripe_account, parent_id, run_id, source_to,
      row_number() OVER (PARTITION BY stripe_account, parent_id ORDER BY epoch DESC, sequence DESC) AS _age
    FROM {checkpoints}
    WHERE entity = '{entity}' AND event_type = 'PAGE_COMMITTED' AND range_closed AND http_status = 200
  ) AS read_out ON read_out._age = 1 AND read_out.parent_id = of_parents._stripe_id
    AND read_out.stripe_account IS NOT DISTINCT FROM of_parents._stripe_account
  WHERE NOT _deleted
)
SELECT child._stripe_account, child._parent_id, child._stripe_id, false AS _is_inline, child._raw_json
FROM {raw} AS child
JOIN parent ON NOT parent._is_inline AND child._ingest_run_id = parent._run_id
  AND child._parent_id = parent._stripe_id AND child._stripe_account IS NOT DISTINCT FROM parent._stripe_account"""
_SHOWN = """
UNION ALL
SELECT _stripe_account, _parent_id, {id}, true, _item FROM (
  SELECT _stripe_account, _stripe_id AS _parent_id, {items} AS _item FROM parent WHERE _is_inline
) AS shown"""
_ALL_LISTS = """\
SELECT _stripe_account, _parent_id, _stripe_id, _ingested_at AS _seen_at, _api_version, _raw_json FROM {raw}"""


def views(*, entities: str = "", checkpoint_table: str | None = None, **place: Unpack[TableOptions]) -> list[str]:
    """Give the statements that create two views of each raw table, `..._latest` and `..._history`; nothing runs them.

    `place` is where the tables are, as `ingest` takes it. For tables in a catalog the statements are Spark's SQL; for a
    lake they are DuckDB's, which reads them by its extension `delta`. `entities` is a selection as `ingest` takes it,
    without it all lists that have landed. Raises UsageError if there is nothing to see.
    """
    with panics_as_errors():
        selection = _core.entities_to_land(entities) if entities else _core.all_entities()
        return _views(place, selection, checkpoint_table or _core.CHECKPOINT_TABLE)


def latest_query(tables: Tables, dialect: Dialect, entity: Entity, checkpoint_table: str) -> str:
    """Write the query of a list's latest state: that of its view. Raises UsageError if it has not landed here."""
    _require_current(tables, checkpoint_table, _core.checkpoint_schema())
    parents = [each for each in _core.all_entities() if each.name == entity.parent]
    for each in (entity, *parents):
        if not tables.table(each.table).exists():
            message = f"'{tables.location}' has no raw table of {each.name}: land it first"
            raise UsageError(message)
        _require_current(tables, each.table, _core.raw_schema())
    return _newest(dialect, entity, checkpoint_table)


def _views(options: TableOptions, entities: Sequence[Entity], checkpoint_table: str) -> list[str]:
    tables = open_tables(options)
    catalog, schema = options.get("catalog"), options.get("schema")
    dialect = Dialect(catalog, schema) if catalog and schema else DuckDb(tables.location)
    _require_current(tables, checkpoint_table, _core.checkpoint_schema())
    statements = []
    for entity in entities:
        if entity.name == EVENTS or not tables.table(entity.table).exists():
            continue
        name = entity.table.removesuffix("_raw")
        for suffix, query in queries(tables, dialect, entity, checkpoint_table).items():
            statements.append(f"CREATE OR REPLACE VIEW {dialect.view(f'{name}_{suffix}')} AS\n{query}")
    if not statements:
        message = f"'{tables.location}' has no raw table of these entities: there is nothing to see"
        raise UsageError(message)
    return statements


def queries(tables: Tables, dialect: Dialect, entity: Entity, checkpoint_table: str) -> dict[str, str]:
    """Give the queries of both views of a list that has landed: `latest` and `history`."""
    known = {one.name: one for one in _core.all_entities()}
    latest = _newest(dialect, entity, checkpoint_table)
    _require_current(tables, entity.table, _core.raw_schema())
    if entity.parent is not None:
        _require_current(tables, known[entity.parent].table, _core.raw_schema())
        return {"latest": latest, "history": _ALL_LISTS.format(raw=dialect.table(entity.table))}
    events = known[EVENTS].table
    events_table = dialect.table(events) if tables.table(events).exists() else None
    return {"latest": latest, "history": _history(dialect, entity, events_table)}


def _newest(dialect: Dialect, entity: Entity, checkpoint_table: str) -> str:
    """Write the query of the newest state of a list: of an account's, or of those that objects have."""
    parents = [each for each in _core.all_entities() if each.name == entity.parent]
    if parents:
        return _lists(dialect, entity, parents[0], checkpoint_table)
    return _latest(dialect, entity, checkpoint_table)


def _latest(dialect: Dialect, entity: Entity, checkpoint_table: str) -> str:
    return _LATEST.format(
        raw=dialect.table(entity.table),
        checkpoints=dialect.table(checkpoint_table),
        entity=entity.name,
        columns=", ".join(f"newest.{column}" for column in _core.raw_schema().names),
        deleted=_is_deletion(entity),
        seconds=dialect.seconds("newest._stripe_created_at"),
    )


def _history(dialect: Dialect, entity: Entity, events_table: str | None) -> str:
    history = _HISTORY.format(raw=dialect.table(entity.table), text=dialect.text)
    if events_table is None or entity.event_coverage == "none":
        return history
    return history + _OF_EVENTS.format(
        events=events_table,
        id=dialect.json("data.object.id"),
        object=dialect.json("data.object"),
        type=dialect.json("type"),
        version=dialect.json("api_version"),
        types=", ".join(f"'{kind}'" for kind in entity.event_types),
    )


def _lists(dialect: Dialect, entity: Entity, parent: Entity, checkpoint_table: str) -> str:
    """Join the lists that objects show to the end, and those that runs have asked for."""
    member = entity.member.replace("/", ".")
    asked = _LISTS.format(
        is_shown=f"coalesce({dialect.json(f'{member}.has_more')} = 'false', false)" if member else "false",
        latest=_latest(dialect, parent, checkpoint_table),
        checkpoints=dialect.table(checkpoint_table),
        entity=entity.name,
        raw=dialect.table(entity.table),
    )
    if not member:
        return asked
    return asked + _SHOWN.format(items=dialect.elements(f"{member}.data"), id=dialect.json("id", "_item"))


def _require_current(tables: Tables, name: str, ours: Schema) -> None:
    """Refuse a table that lacks columns which a newer layout has: the views name them."""
    table = tables.table(name)
    if table.exists() and set(present(ours, table.schema())) != set(ours.names):
        message = f"table '{table.location}' has an earlier layout: the next run of its list gives it its columns"
        raise UsageError(message)


def _is_deletion(entity: Entity) -> str:
    kind = entity.deleted_event_type
    return "false" if kind is None else f"coalesce(newest._event_type = '{kind}', false)"

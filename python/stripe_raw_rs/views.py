"""Views over the tables, as SQL: the latest state of each object, and all its states. Nothing is created here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import _core
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
CREATE OR REPLACE VIEW {view} AS
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
CREATE OR REPLACE VIEW {view} AS
SELECT _stripe_account, _stripe_id, _ingested_at AS _seen_at, 'list' AS _source,
  CAST(NULL AS {text}) AS _event_id, CAST(NULL AS {text}) AS _event_type, _api_version, _raw_json
FROM {raw} WHERE _source IS DISTINCT FROM 'event'"""
_OF_EVENTS = """
UNION ALL
SELECT DISTINCT _stripe_account, {id}, _stripe_created_at, 'event', _stripe_id, {type}, {version}, {object}
FROM {events} WHERE {type} IN ({types}) AND {id} IS NOT NULL"""


class _Dialect:
    """How an engine names tables, and takes a member out of JSON."""

    text = "STRING"

    def __init__(self, catalog: str, schema: str) -> None:
        self._place = f"{_quoted(catalog, '`')}.{_quoted(schema, '`')}"

    def table(self, name: str) -> str:
        return f"{self._place}.{_quoted(name, '`')}"

    view = table

    def seconds(self, timestamp: str) -> str:
        return f"unix_seconds({timestamp})"

    def json(self, path: str) -> str:
        return f"get_json_object(_raw_json, '$.{path}')"


class _DuckDb(_Dialect):
    text = "VARCHAR"

    def __init__(self, lake: str) -> None:
        self._lake = lake.rstrip("/")

    def table(self, name: str) -> str:
        path = f"{self._lake}/{name}".replace("'", "''")
        return f"delta_scan('{path}')"

    def view(self, name: str) -> str:
        return _quoted(name, '"')

    def seconds(self, timestamp: str) -> str:
        return f"epoch({timestamp})"

    def json(self, path: str) -> str:
        return f"(_raw_json ->> '$.{path}')"


def views(*, entities: str = "", checkpoint_table: str | None = None, **place: Unpack[TableOptions]) -> list[str]:
    """Give the statements that create two views of each raw table, `..._latest` and `..._history`; nothing runs them.

    `place` is where the tables are, as `ingest` takes it. For tables in a catalog the statements are Spark's SQL; for a
    lake they are DuckDB's, which reads them by its extension `delta`. `entities` is a selection as `ingest` takes it,
    without it all lists that have landed. Raises UsageError if there is nothing to see.
    """
    with panics_as_errors():
        return _views(place, _core.entities(entities or "all"), checkpoint_table or _core.CHECKPOINT_TABLE)


def _views(options: TableOptions, entities: Sequence[Entity], checkpoint_table: str) -> list[str]:
    tables = open_tables(options)
    (events,) = _core.entities(EVENTS)
    catalog, schema = options.get("catalog"), options.get("schema")
    dialect = _Dialect(catalog, schema) if catalog and schema else _DuckDb(tables.location)
    has_events = tables.table(events.table).exists()
    _require_current(tables, checkpoint_table, _core.checkpoint_schema())
    statements = []
    for entity in entities:
        if entity.name == EVENTS or not tables.table(entity.table).exists():
            continue
        _require_current(tables, entity.table, _core.raw_schema())
        names = {"raw": dialect.table(entity.table), "checkpoints": dialect.table(checkpoint_table)}
        name = entity.table.removesuffix("_raw")
        latest = _LATEST.format(
            **names,
            view=dialect.view(f"{name}_latest"),
            entity=entity.name,
            columns=", ".join(f"newest.{column}" for column in _core.raw_schema().names),
            deleted=_is_deletion(entity),
            seconds=dialect.seconds("newest._stripe_created_at"),
        )
        history = _HISTORY.format(**names, view=dialect.view(f"{name}_history"), text=dialect.text)
        if has_events and entity.event_coverage != "none":
            history += _OF_EVENTS.format(
                events=dialect.table(events.table),
                id=dialect.json("data.object.id"),
                object=dialect.json("data.object"),
                type=dialect.json("type"),
                version=dialect.json("api_version"),
                types=", ".join(f"'{kind}'" for kind in entity.event_types),
            )
        statements += [latest, history]
    if not statements:
        message = f"'{tables.location}' has no raw table of these entities: there is nothing to see"
        raise UsageError(message)
    return statements


def _require_current(tables: Tables, name: str, ours: Schema) -> None:
    """Refuse a table that lacks columns which a newer layout has: the views name them."""
    table = tables.table(name)
    if table.exists() and set(present(ours, table.schema())) != set(ours.names):
        message = f"table '{table.location}' has an earlier layout: the next run of its list gives it its columns"
        raise UsageError(message)


def _is_deletion(entity: Entity) -> str:
    kind = entity.deleted_event_type
    return "false" if kind is None else f"coalesce(newest._event_type = '{kind}', false)"


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, 2 * quote) + quote

"""The checkpoint table: events in, events out. The compiled half knows their meaning."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from stripe_raw_rs import _core
from stripe_raw_rs.commit import commit
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.owner import is_dead
from stripe_raw_rs.tables import asked, check_schema, is_current, present, upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from stripe_raw_rs._core import Attempt, Audit, Checkpoint, Client, Histories, History
    from stripe_raw_rs.tables import ArrowStream, Commit, Condition, Tables

    # Newest attempts, by list and account.
    Newest: TypeAlias = dict[tuple[str, str | None], int]

logger = logging.getLogger("stripe_raw_rs")

# Most lists have run within a week. Files with older events are then not even opened.
RECENT_MICROS = 7 * 86_400 * 1_000_000


class StateStore:
    """The checkpoint table of a lake."""

    def __init__(
        self, tables: Tables, client: Client | None, name: str | None = None, *, only_reads: bool = False
    ) -> None:
        """Open the table, and create it if it is absent. Without a client, or if it `only_reads`, it must be there.

        Raises UsageError if the lake belongs to another account, mode or server, or has another schema. A lake without
        rows that belongs to another then becomes the client's.
        """
        self._tables = tables
        self._table = tables.table(name or _core.CHECKPOINT_TABLE)
        self.location = self._table.location
        self.table_name = self._table.name
        self._client = client
        self._only_reads = only_reads or client is None
        self._account = account = None if client is None else client.account_id()
        if client is not None and not only_reads:
            self._table.create(
                _core.checkpoint_schema(),
                client.store_properties(str(uuid4()), account),
                "Progress of stripe-raw: one row per event; append-only",
            )
        elif not self._table.exists():
            message = f"'{tables.location}' holds no tables of stripe-raw: table '{self._table.name}' is not there"
            raise UsageError(message)
        check_schema(self._table, _core.checkpoint_schema())
        columns = self._table.schema()
        self._columns = present(_core.checkpoint_schema(), columns)
        properties = self._table.properties()
        if "stripe_raw.store_id" not in properties:
            message = (
                f"table '{self._table.location}' was not created by stripe-raw: it has no property stripe_raw.store_id"
            )
            raise UsageError(message)
        self._missing: dict[str, str] = {}
        if client is not None:
            if rebinding := client.rebinding_properties(properties, account):
                properties = self._bind(rebinding) or properties
            client.check_store(properties, tables.location, account)
            self._missing = client.missing_properties(properties, account)
        # The key's own account, if the lake names it.
        self.own_account = account or properties.get("stripe_raw.account") or None
        # Whether the account is known on both sides, and so was compared.
        self.knows_account = account is not None and not self._missing
        self.store_id = properties["stripe_raw.store_id"]
        self.is_current = is_current(_core.checkpoint_schema(), columns, properties)

    def _bind(self, properties: dict[str, str]) -> dict[str, str] | None:
        """Make a lake without rows the client's; None if it has any, or if somebody may be about to land some.

        A run that begins at this moment either is seen here, after the properties are changed, or sees them changed.
        """
        if self._is_in_use():
            return None
        if self._only_reads:
            return {**self._table.properties(), **properties}
        self._table.set_properties(properties)
        if self._is_in_use():
            message = f"another process has begun to use the lake at '{self._tables.location}': run again"
            raise UsageError(message)
        logger.warning("the lake had no rows: it belongs to this key's account, mode and server from now on")
        return self._table.properties()

    def _is_in_use(self) -> bool:
        with_rows: list[Condition] = [("event_type", "=", "PAGE_COMMITTED", "string"), ("row_count", ">", 0, "long")]
        if self._table.distinct(["entity"], with_rows):
            return True
        for entity, account in self.entities():
            history = self.latest_run(entity, account)
            if history.state == "unfinished" and not is_dead(history.owner):
                return True
        raw = [self._tables.table(entity.table) for entity in _core.all_entities()]
        return any(table.exists() and table.distinct(["_entity"], []) for table in raw)

    def require_ours(self) -> None:
        """Refuse a lake that another process has bound to another account, mode or server since it was opened."""
        if self._client is not None:
            self._client.check_store(self._table.properties(), self._tables.location, self._account)

    def record_account(self) -> None:
        """Record the account that the lake belongs to, if it is known for the first time."""
        if self._missing and not self._only_reads:
            self._table.set_properties(self._missing)

    def upgrade(self) -> None:
        """Give a table of an earlier layout the columns that it lacks, before an event is written to it."""
        if not self.is_current:
            upgrade(self._table, _core.checkpoint_schema())
        self._columns = _core.checkpoint_schema().names

    def histories(self, entities: Sequence[str], accounts: Sequence[str | None]) -> dict[str, Histories]:
        """Fold the events that the next runs of these lists of these accounts are planned by, in one read for all.

        What older runs say is carried by newer events, so the read does not grow with the number of runs.
        """

        def fold() -> dict[str, Histories]:
            completed, started = self._newest_attempts(entities, accounts)
            reads = _core.history_reads(list(entities), list(accounts), completed, started)
            newest = dict.fromkeys(entities, 0)
            for (entity, _), epoch in (*completed.items(), *started.items()):
                if entity in newest:
                    newest[entity] = max(newest[entity], epoch)
            return _core.histories(list(entities), newest, self._table.read_any(self._columns, reads))

        return asked(self._table, fold)

    def _newest_attempts(self, entities: Sequence[str], accounts: Sequence[str | None]) -> tuple[Newest, Newest]:
        """Find the newest attempts that ended with a RUN_COMPLETED which carries what older runs say, and others.

        An older one would do as well: so events of the last days are asked first, and all only if a list has none.
        """
        by = ("entity", "stripe_account")
        ended: list[Condition] = [("event_type", "=", "RUN_COMPLETED", "string"), ("landed_version", ">=", 0, "long")]
        since = time.time_ns() // 1_000 - RECENT_MICROS
        wanted = {(entity, account) for entity in entities for account in accounts}
        completed = self._table.largest("epoch", by, [*ended, ("event_at", ">=", since, "timestamp")])
        started: Mapping[tuple[str | None, ...], int] = {}
        if not completed.keys() >= wanted:
            completed = self._table.largest("epoch", by, ended)
            if not completed.keys() >= wanted:
                started = self._table.largest("epoch", by, [("event_type", "=", "RUN_STARTED", "string")])
        return cast("Newest", completed), cast("Newest", started)

    def history(self, entity: str, account: str | None) -> History:
        """Fold the events that the list's next run of an account is planned by."""
        return self.histories([entity], [account])[entity].of(account)

    def latest_run(self, entity: str, account: str | None) -> History:
        """Fold the events of the entity's latest run."""

        def fold() -> History:
            mine = _of(entity, account)
            history = _core.History(
                entity, account, self._read([("event_type", "<>", "PAGE_COMMITTED", "string"), *mine])
            )
            if history.run_id is not None:
                run: Condition = ("run_id", "=", history.run_id, "string")
                page: Condition = ("event_type", "=", "PAGE_COMMITTED", "string")
                history.add_pages(self._read([page, run, *mine]))
            return history

        return asked(self._table, fold)

    def whole_history(self, entity: str, account: str | None) -> History:
        """Fold all events of the entity and account, with the pages of all runs."""
        return asked(self._table, lambda: _core.History(entity, account, self._read(_of(entity, account))))

    def recover(self, attempt: Attempt) -> list[list[Condition]]:
        """Give all events of the runs that go on to their recovery. It answers with the reads of the raw table."""
        runs = attempt.continued_runs
        return asked(self._table, lambda: attempt.recover_events(self._table.read_any(self._columns, runs)))

    def fence(self, rows: Commit) -> None:
        """Make a commit without rows, after which attempts with the same application id can commit nothing."""
        commit(self._table, rows)

    def audit(self, audit: Audit, entity: str) -> None:
        """Give all events of an entity, of all runs and accounts, to its audit."""
        asked(self._table, lambda: audit.add_events(self._read([("entity", "=", entity, "string")])))

    def _read(self, conditions: Sequence[Condition]) -> ArrowStream:
        return self._table.read(self._columns, conditions)

    def append(self, checkpoint: Checkpoint) -> None:
        """Commit events, if there are any."""
        if len(checkpoint) > 0:
            commit(self._table, checkpoint)

    def entities(self) -> list[tuple[str, str | None]]:
        """List the entities, each with its account, that have events."""
        rows = self._table.distinct(["entity", "stripe_account"], [])
        return [(entity, account) for entity, account in rows if entity is not None]


def _of(entity: str, account: str | None) -> list[Condition]:
    return [("entity", "=", entity, "string"), ("stripe_account", "=", account, "string")]

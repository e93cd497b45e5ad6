"""The account of a key and the account of a lake: if no answer names them, the objects that landed show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.raw_writer import RawWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_raw_rs._core import Client, Entity
    from stripe_raw_rs.state_store import StateStore
    from stripe_raw_rs.tables import Tables


# If a key may read none of so many of the lake's lists, it is not tried on more of them.
_MOST_ASKED = 5


def check_account_of_lake(
    client: Client, tables: Tables, state: StateStore, entities: Sequence[Entity], account: str | None
) -> None:
    """Refuse a key of another account than the lake's, and record the account when it is first known.

    If the account is not known on both sides, one list that never loses objects is asked for those that landed last:
    one of this call, or else any that the lake has. Raises UsageError if they are gone.
    """
    if state.knows_account:
        return
    ran = set(state.entities())
    others = [entity for entity in _core.entities("all") if entity.name not in {entity.name for entity in entities}]
    witnesses = [entity for entity in (*entities, *others) if entity.is_witness and (entity.name, account) in ran]
    any(_is_of_same_account(client, tables, state, entity, account) for entity in witnesses[:_MOST_ASKED])
    state.record_account()


def _is_of_same_account(client: Client, tables: Tables, state: StateStore, entity: Entity, account: str | None) -> bool:
    raw = RawWriter(tables, entity, state.store_id)
    try:
        return raw.check() and raw.is_of_same_account(client, state.latest_run(entity.name, account))
    except TableError:
        # A fault of a table concerns its list alone, which will report it.
        return False

"""Whose account a key reads, and whose objects the lake has: learnt from what landed where no answer tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.raw_writer import RawWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_raw_rs._core import Client, Entity
    from stripe_raw_rs.state_store import StateStore
    from stripe_raw_rs.tables import Tables


def check_account_of_lake(
    client: Client, tables: Tables, state: StateStore, entities: Sequence[Entity], account: str | None
) -> None:
    """Refuse a key of another account than the lake's, and record the account where it is told for the first time.

    Where the account is not known on both sides, one list that never loses objects is asked for those that landed last.
    Raises UsageError where they are gone.
    """
    if state.tells_account:
        return
    ran = set(state.entities())
    for entity in entities:
        if (entity.name, account) not in ran or not entity.is_witness:
            continue
        history = state.latest_run(entity.name, account)
        second = history.newest_created
        raw = RawWriter(tables, entity, state.store_id)
        if second is None or not raw.exists():
            continue
        if client.is_same_account(history, raw.ids_of_second(account, second)):
            break
    state.record_account()

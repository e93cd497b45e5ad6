"""The oracle: the view of the latest states, beside the objects that the simulated account has."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import duckdb
from deltalake import DeltaTable

from stripe_raw_rs import _core, verify, views
from stripe_raw_rs.tables import open_tables
from tests.conftest import compact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from stripe_raw_rs.simulator import StripeSimulator


def run_view(
    lake: Path, statement: str, columns: str, known: dict[str, pa.Table] | None = None
) -> list[tuple[Any, ...]]:
    """Select from a view in DuckDB, which reads the tables by Arrow here: its extension for Delta may not be there.

    `known` keeps the tables that were read: those of other views are often the same.
    """
    tables = {} if known is None else known
    with duckdb.connect() as connection:

        def registered(scan: re.Match[str]) -> str:
            name = scan[1].rsplit("/", 1)[1]
            if name not in tables:
                tables[name] = DeltaTable(lake / name).to_pyarrow_table()
            connection.register(name, tables[name])
            return name

        query = re.sub(r"delta_scan\('([^']*)'\)", registered, statement).partition(" AS\n")[2]
        rows: list[tuple[Any, ...]] = connection.sql(f"SELECT {columns} FROM ({query})").fetchall()  # noqa: S608
    return rows


def latest(lake: Path, name: str, known: dict[str, pa.Table] | None = None) -> dict[str, tuple[str, bool]]:
    """Each object's newest state, and whether it is deleted."""
    (statement, *_) = views(lake=lake, entities=name)
    rows = run_view(lake, statement, "_stripe_id, _raw_json, _deleted", known)
    return {id_: (text, gone) for id_, text, gone in rows}


def lists(lake: Path, name: str, known: dict[str, pa.Table] | None = None) -> dict[str, list[str]]:
    """The items that the view of a list of single objects has, as JSON with the same spaces, sorted, by object."""
    statement = next(view for view in views(lake=lake, entities=name) if f"stripe_{name}_latest" in view)
    found: dict[str, list[str]] = {}
    for parent, text in run_view(lake, statement, "_parent_id, _raw_json", known):
        found.setdefault(parent, []).append(json.dumps(json.loads(text)))
    return {parent: sorted(items) for parent, items in found.items()}


def assert_lists_are_the_accounts(lake: Path, stripe: StripeSimulator, names: Iterable[str]) -> None:
    """Check that the items of each object's list are those that the account has."""
    known: dict[str, pa.Table] = {}
    for entity in (each for each in _core.all_entities() if each.name in {*names} and each.parent is not None):
        there = {id_: stripe.items(entity.name, id_) for id_ in stripe.ids(entity.parent or "")}
        expected = {
            id_: sorted(json.dumps(json.loads(item)) for item in items) for id_, items in there.items() if items
        }
        assert lists(lake, entity.name, known) == expected, entity.name


def assert_latest_is_the_account(
    lake: Path, stripe: StripeSimulator, names: Iterable[str], gone: Mapping[str, set[str]]
) -> None:
    """Check that the latest states are the account's, byte by byte, that what is gone is marked, and audit the lake."""
    assert_states_are_the_accounts(lake, stripe, names, gone)
    # delta-rs reads the tables, whichever engine wrote them.
    verify(tables=open_tables({"lake": lake})).raise_for_status()


def assert_states_are_the_accounts(
    lake: Path, stripe: StripeSimulator, names: Iterable[str], gone: Mapping[str, set[str]]
) -> None:
    """Check the same without an audit of the lake."""
    known: dict[str, pa.Table] = {}
    for name in names:
        found = latest(lake, name, known)
        there = {id_: text for id_, (text, deleted) in found.items() if not deleted}
        assert there == {id_: compact(stripe.raw(name, id_)) for id_ in stripe.ids(name)}, name
        assert {id_ for id_, (_, deleted) in found.items() if deleted} >= gone.get(name, set()), name

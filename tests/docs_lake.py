"""A lake of two runs, opened by the lines of the document, for the tests of the documents' SQL."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import duckdb

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.documents import DOCS, Block, blocks

if TYPE_CHECKING:
    from pathlib import Path

LISTS = ("events", "charges", "refunds", "balance_transactions")
CHARGES = 620
CHANGED = 4
# Blocks with it are for a catalog, and not for a lake.
CATALOG = "main."
(OPENING,) = [block for block in blocks("python", of=DOCS / "tables.md") if "CREATE MACRO" in block.text]


def for_a_lake(*kinds: str, of: Path | None = None) -> list[Block]:
    return [block for block in blocks(*kinds, of=of) if CATALOG not in block.text]


def land_twice(lake: Path) -> datetime:
    """Land an account twice; some charges have changed after the moment that is returned."""
    counts = {"charges": CHARGES, "balance_transactions": CHARGES}
    with StripeSimulator(seed=3, object_events=True, counts=counts) as stripe:
        options: dict[str, Any] = {"lake": lake, "api_key": "rk_test_any", "api_base_url": stripe.url, "page_size": 20}
        ingest(**options, entities=LISTS).raise_for_status()
        between = datetime.now(timezone.utc)
        stripe.change("charges", stripe.ids("charges")[-CHANGED:])
        ingest(**options, entities=LISTS).raise_for_status()
    return between


def opened(lake: Path) -> duckdb.DuckDBPyConnection:
    names: dict[str, Any] = {}
    text = OPENING.text.replace('"demo-lake"', repr(str(lake)))
    exec(compile(text, str(OPENING), "exec"), names)  # noqa: S102 - the document's own lines
    connection = names["lake"]
    assert isinstance(connection, duckdb.DuckDBPyConnection)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def answer(connection: duckdb.DuckDBPyConnection, text: str) -> list[dict[str, Any]]:
    found = connection.sql(text)
    assert found is not None
    rows: list[dict[str, Any]] = found.to_arrow_table().to_pylist()
    return rows

"""Facts that must be true of a lake, checked on its tables and the simulator's objects by code of their own."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import verify
from stripe_raw_rs.tables import open_tables
from tests.conftest import compact, events, landed

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

Served = dict[str, tuple[str, int | None]]


def served(stripe: StripeSimulator, name: str, of: str | None = None) -> Served:
    """The objects that an account has now, compact, and when they were created; to be kept if some will be deleted."""
    return {
        id_: (compact(stripe.raw(name, id_, account=of)), stripe.created(name, id_, account=of))
        for id_ in stripe.ids(name, account=of)
    }


def assert_true(lake: Path, stripe: StripeSimulator, name: str, before: Served | None = None) -> None:
    """Check that everything has landed, once per run, as it was sent, and that the events name exactly these rows.

    `before` are objects that were there earlier: they may have landed, and then as they were.
    """
    now = served(stripe, name)
    ever = {**(before or {}), **now}
    rows = landed(lake, name).to_pylist()
    lost = now.keys() - {row["_stripe_id"] for row in rows}
    assert not lost, f"lost: {lost}"
    times = Counter((row["_ingest_run_id"], row["_stripe_id"]) for row in rows)
    assert not [key for key, count in times.items() if count > 1], "twice in a run"
    for row in rows:
        text, created = ever[row["_stripe_id"]]
        assert row["_raw_json"] == text
        assert row["_payload_sha256"] == hashlib.sha256(text.encode()).hexdigest()
        at = row["_stripe_created_at"]
        assert (None if at is None else at.timestamp()) == created
    assert_events_match(rows, events(lake, f"entity = '{name}'"))
    # delta-rs reads the tables, whichever engine wrote them: a second reader sees faults that the first may overlook.
    verify(tables=open_tables({"lake": lake})).raise_for_status()


def assert_events_match(rows: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> None:
    """Check that the events name exactly these rows, page by page, and that each run is complete."""
    pages: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        pages[row["_ingest_run_id"], row["_page_number"]].append(row)
    found = {key: _page(page) for key, page in pages.items()}
    committed = [event for event in recorded if event["event_type"] == "PAGE_COMMITTED"]
    numbers = [(event["run_id"], event["page_number"]) for event in committed]
    assert len(set(numbers)) == len(numbers), "two events for one page"
    claimed = {
        number: (event["row_count"], event["rows_digest"])
        for number, event in zip(numbers, committed, strict=True)
        if event["row_count"]
    }
    assert claimed == found
    completed = Counter(event["run_id"] for event in recorded if event["event_type"] == "RUN_COMPLETED")
    assert completed == Counter({event["run_id"] for event in recorded}), "each run is completed, and once"


def _page(rows: list[dict[str, Any]]) -> tuple[int, str]:
    rows = sorted(rows, key=lambda row: row["_page_row"])
    assert [row["_page_row"] for row in rows] == list(range(len(rows)))
    return len(rows), hashlib.sha256("".join(row["_payload_sha256"] for row in rows).encode()).hexdigest()

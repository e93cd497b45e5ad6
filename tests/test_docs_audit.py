"""The audit in plain SQL finds nothing in a sound lake, and each query sees its damage; `verify` says what is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from stripe_raw_rs import _core, ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import tamper
from tests.docs_lake import LISTS, answer, for_a_lake, land_twice, opened
from tests.documents import DOCS, blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    Damage = Callable[[DuckDBPyConnection], None]

QUERIES = for_a_lake("sql", "sql duckdb", of=DOCS / "guarantees.md")
(DIGESTS,) = [block.text for block in QUERIES if "AS digest" in block.text]
AUDIT = [block for block in QUERIES if block.text != DIGESTS]
RAW, EVENTS = "stripe_charges_raw", _core.CHECKPOINT_TABLE
# Of the first run, which had several parts: the first page that another one follows, and the lowest part.
FOLLOWED = (
    "(SELECT min(page.page_number) FROM as_landed AS page JOIN as_landed AS after ON after.run_id = page.run_id "
    "AND after.starting_after = page.next_cursor WHERE page.entity = 'charges' AND page.epoch = 1)"
)
LOWEST = "(SELECT min(range_lt) FROM as_landed WHERE entity = 'charges' AND epoch = 1)"


def changed(table: str, rows: str) -> Damage:
    """Put other rows into a table; `as_landed` are its own."""

    def change(lake: DuckDBPyConnection) -> None:
        lake.execute(f"CREATE TABLE as_landed AS FROM {table}")
        lake.unregister(table)
        lake.execute(f"CREATE TABLE {table} AS {rows}")

    return change


def without(table: str, condition: str) -> Damage:
    return changed(table, f"FROM as_landed WHERE NOT coalesce({condition}, false)")


def again(table: str, condition: str) -> Damage:
    return changed(table, f"FROM as_landed UNION ALL FROM as_landed WHERE {condition}")


def replaced(column: str, value: str) -> Damage:
    return changed(RAW, f"FROM as_landed SELECT * REPLACE ({value} AS {column})")


# Each damage, and words of the query that must see it.
DAMAGES = {
    "a payload was changed": (
        replaced("_raw_json", """replace(_raw_json, '"livemode":false', '"livemode":true')"""),
        "sha2(_raw_json",
    ),
    "a row is gone": (without(RAW, "_page_number = 1 AND _page_row = 0"), "FULL JOIN"),
    "a page is gone": (without(RAW, "_page_number = 1"), "FULL JOIN"),
    "two rows changed places": (
        replaced("_page_row", "CASE WHEN _page_number = 1 AND _page_row < 2 THEN 1 - _page_row ELSE _page_row END"),
        "string_agg",
    ),
    "a row is there twice": (again(RAW, "_page_number = 1 AND _page_row = 0"), "AS times"),
    "a page's checkpoint is gone": (
        without(EVENTS, f"entity = 'charges' AND epoch = 1 AND page_number = {FOLLOWED}"),
        "before.run_id IS NULL",
    ),
    "a part's checkpoints are gone": (
        without(EVENTS, f"entity = 'charges' AND epoch = 1 AND range_lt = {LOWEST}"),
        "unread_from",
    ),
    "a run ends twice": (again(EVENTS, "entity = 'charges' AND event_type = 'RUN_COMPLETED'"), "completed twice"),
    "a beginning is gone": (without(EVENTS, "entity = 'charges' AND event_type = 'RUN_STARTED'"), "completed twice"),
}


DIGEST_OF_PAGE = f"""CASE WHEN entity = 'charges' AND row_count > 0 THEN (
    SELECT sha256(string_agg(_payload_sha256, '' ORDER BY _page_row)) FROM {RAW}
    WHERE _ingest_run_id = run_id AND _page_number = page_number) ELSE rows_digest END"""  # noqa: S608 - the test's own


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audit") / "lake"
    land_twice(place)
    return place


def test_the_audit_finds_nothing_in_a_sound_lake(lake: Path) -> None:
    connection = opened(lake)
    for block in AUDIT:
        for name in LISTS:
            text = block.text.replace(RAW, f"stripe_{name}_raw").replace("'charges'", f"'{name}'")
            assert answer(connection, text) == [], block


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_audit_sees_damage(lake: Path, damage: str) -> None:
    change, words = DAMAGES[damage]
    (block,) = [block for block in AUDIT if words in block.text]
    connection = opened(lake)
    change(connection)
    assert answer(connection, block.text), block


def test_each_query_of_the_audit_has_its_damage() -> None:
    seen = {str(block) for block in AUDIT for _, words in DAMAGES.values() if words in block.text}
    assert seen == {*map(str, AUDIT)}


def test_a_run_that_was_given_up_is_no_finding(tmp_path: Path) -> None:
    with StripeSimulator(seed=4, counts={"charges": 90}) as stripe:
        options: dict[str, Any] = {"lake": tmp_path, "api_key": "rk_test_any", "api_base_url": stripe.url}
        options = {**options, "entities": "charges", "page_size": 10, "max_concurrent_requests": 1}
        assert ingest(**options, max_requests=4).exit_code == 1
        assert ingest(**options, give_up="restart", max_requests=5).exit_code == 1
        ingest(**options).raise_for_status()
    connection = opened(tmp_path)
    assert all(answer(connection, block.text) == [] for block in AUDIT)


def test_after_a_table_was_moved_away_and_landed_again_only_its_new_rows_are_asked_for(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    with StripeSimulator(seed=4, counts={"charges": 90}) as stripe:
        options: dict[str, Any] = {"lake": lake, "api_key": "rk_test_any", "api_base_url": stripe.url}
        options = {**options, "entities": "charges", "page_size": 10}
        ingest(**options).raise_for_status()
        (lake / RAW).rename(tmp_path / "away")
        ingest(**options, give_up="scratch").raise_for_status()
    found = verify(lake=lake)
    assert found.findings == ()
    (note,) = found["charges"].notes
    assert "is from before a reset and its rows are no longer there" in note
    connection = opened(lake)
    assert all(answer(connection, block.text) == [] for block in AUDIT)
    (complete,) = [block for block in AUDIT if "FULL JOIN" in block.text]
    without(RAW, "_page_number = 1")(connection)
    assert len(answer(connection, complete.text)) == 1


def test_a_digest_that_was_kept_tells_what_the_tables_alone_cannot(lake: Path) -> None:
    connection = opened(lake)
    kept = answer(connection, DIGESTS)
    assert len(kept) == 2 * len(LISTS)
    # Whoever may write both tables gives a payload its hash, and its page the digest.
    forged = """replace(_raw_json, '"livemode":false', '"livemode":true')"""
    columns = f"{forged} AS _raw_json, sha256({forged}) AS _payload_sha256"
    changed(RAW, f"FROM as_landed SELECT * REPLACE ({columns})")(connection)
    connection.execute("DROP TABLE as_landed")
    changed(EVENTS, f"FROM as_landed SELECT * REPLACE ({DIGEST_OF_PAGE} AS rows_digest)")(connection)
    assert all(answer(connection, block.text) == [] for block in AUDIT), "the tables agree"
    other = [row for row in answer(connection, DIGESTS) if row not in kept]
    assert {row["entity"] for row in other} == {"charges"}


def test_the_digest_of_a_complete_run_stays_as_it_is(tmp_path: Path) -> None:
    with StripeSimulator(seed=4, counts={"charges": 90}) as stripe:
        options: dict[str, Any] = {"lake": tmp_path, "api_key": "rk_test_any", "api_base_url": stripe.url}
        options = {**options, "entities": "charges", "page_size": 10, "max_concurrent_requests": 1}
        assert ingest(**options, max_requests=4).exit_code == 1
        assert answer(opened(tmp_path), DIGESTS) == []
        ingest(**options).raise_for_status()
        kept = answer(opened(tmp_path), DIGESTS)
        assert sum(row["row_count"] for row in kept) == 90
        stripe.add("charges", 1)
        ingest(**options).raise_for_status()
    digests = answer(opened(tmp_path), DIGESTS)
    assert len(digests) == len(kept) + 1
    assert all(row in digests for row in kept)


def test_verify_says_what_the_document_shows(tmp_path: Path) -> None:
    with StripeSimulator(seed=1, counts={"charges": 250, "refunds": 30}) as stripe:
        options: dict[str, Any] = {"lake": tmp_path, "api_key": "rk_test_any", "api_base_url": stripe.url}
        for _ in range(2):
            ingest(**options, entities="charges,refunds", max_concurrent_requests=1).raise_for_status()
    sound, damaged = (block.text for block in blocks("text verify"))
    assert said_of(tmp_path) == without_ids(sound)
    tamper(tmp_path, RAW, changed_and_removed)
    assert said_of(tmp_path) == without_ids(damaged)


def changed_and_removed(rows: pa.Table) -> pa.Table:
    """Change a payload of the second page, and remove a row of the first one."""
    texts, pages = rows["_raw_json"].to_pylist(), rows["_page_number"].to_pylist()
    altered, removed = pages.index(2), pages.index(1)
    texts[altered] = texts[altered].replace('"paid":true', '"paid":false')
    at = rows.schema.get_field_index("_raw_json")
    rows = rows.set_column(at, rows.schema.field(at), pa.array(texts, type=rows.schema.field(at).type))
    return pa.concat_tables([rows.slice(0, removed), rows.slice(removed + 1)])


def said_of(lake: Path) -> list[str]:
    lines = str(verify(lake=lake)).splitlines()
    return without_ids("\n".join(line for line in lines if not line.startswith("3 findings")))


def without_ids(text: str) -> list[str]:
    """The lines without ids, which are others in each run."""
    return re.sub(r"\b(?:01[0-9A-Z]{24}|(?:req|ch)_\w+)\b", "ID", text).splitlines()

"""The documents' SQL answers what it says, on a lake in which some charges have changed between two runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pytest

import stripe_raw_rs
from tests.conftest import landed
from tests.docs_lake import CHANGED, CHARGES, answer, for_a_lake, land_twice, opened
from tests.documents import DOCS

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tests.documents import Block

QUERIES = for_a_lake("sql", of=DOCS / "tables.md")
ERASING = for_a_lake("sql", of=DOCS / "security.md")
BEFORE = "2026-11-01 00:00:00"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    lake = tmp_path_factory.mktemp("sql") / "lake"
    return lake, land_twice(lake)


def query(words: str) -> str:
    (block,) = [block for block in QUERIES if words in block.text]
    return block.text


def test_the_latest_state_has_a_row_for_each_charge(place: tuple[Path, datetime]) -> None:
    rows = answer(opened(place[0]), query("max_by(get_json_object(_raw_json, '$.status')"))
    assert len(rows) == CHARGES
    assert all(row["status"] and row["amount"] > 0 and row["currency"] for row in rows)


def test_the_history_has_each_state_of_the_charges_that_changed(place: tuple[Path, datetime]) -> None:
    rows = answer(opened(place[0]), query("HAVING count(*) > 1"))
    assert len(rows) == 2 * CHANGED
    assert len({row["_stripe_id"] for row in rows}) == CHANGED


def test_the_changes_between_two_dates_are_those_charges(place: tuple[Path, datetime]) -> None:
    lake, between = place
    connection, text = opened(lake), query("earlier")
    # The later date is long after the test as well.
    text = text.replace("2026-12-01", "2100-01-01")
    assert len(answer(connection, text.replace(BEFORE, "2020-01-01 00:00:00"))) == CHARGES, "all are new since then"
    changed = answer(connection, text.replace(BEFORE, f"{between:%Y-%m-%d %H:%M:%S.%f}"))
    assert len(changed) == CHANGED
    assert all(row["status_before"] is not None for row in changed)


def test_charges_join_their_balance_transactions(place: tuple[Path, datetime]) -> None:
    rows = answer(opened(place[0]), query("transaction_json"))
    assert sum(row["charges"] for row in rows) == CHARGES
    assert all(row["amount"] > 0 and row["net"] is not None and row["fee"] is not None for row in rows)


def test_the_rows_of_a_person_are_found(place: tuple[Path, datetime]) -> None:
    rows = landed(place[0], "charges", "_stripe_id, _raw_json").to_pylist()
    customer = re.findall(r'"customer":"(cus_\w+)"', "".join(row["_raw_json"] for row in rows))[0]
    (block,) = ERASING
    found = answer(opened(place[0]), block.text.replace("cus_...", customer))
    assert {row["_stripe_id"] for row in found} == {row["_stripe_id"] for row in rows if customer in row["_raw_json"]}


@pytest.mark.parametrize("block", for_a_lake("sql", "sql duckdb"), ids=str)
def test_every_statement_for_a_lake_says_the_same_in_query(place: tuple[Path, datetime], block: Block) -> None:
    lake, _ = place
    asked = stripe_raw_rs.query(block.text, lake=lake).to_arrow_table().to_pylist()
    assert sorted(map(str, asked)) == sorted(map(str, answer(opened(lake), block.text)))


def test_query_has_no_other_sha2_than_the_one_it_can_compute(place: tuple[Path, datetime]) -> None:
    with pytest.raises(duckdb.Error, match="only sha2"):
        stripe_raw_rs.query("SELECT sha2(_raw_json, 512) FROM charges_raw", lake=place[0]).fetchall()


def test_every_statement_for_a_lake_is_run() -> None:
    audit = for_a_lake("sql", "sql duckdb", of=DOCS / "guarantees.md")
    assert {*map(str, for_a_lake("sql", "sql duckdb"))} == {*map(str, [*QUERIES, *ERASING, *audit])}

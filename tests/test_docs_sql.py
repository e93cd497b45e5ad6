"""The documents' SQL answers what it says, on a lake in which some charges have changed between two runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.conftest import landed
from tests.docs_lake import CHANGED, CHARGES, answer, for_a_lake, land_twice, opened
from tests.documents import DOCS

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

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


def test_the_rows_of_a_person_can_be_counted(place: tuple[Path, datetime]) -> None:
    connection = opened(place[0])
    rows = landed(place[0], "charges", "_raw_json").to_pylist()
    customer = re.findall(r'"customer":"(cus_\w+)"', "".join(row["_raw_json"] for row in rows))[0]
    (block,) = ERASING
    for statement in filter(str.strip, block.text.split(";")):
        ((count, *_),) = [tuple(row.values()) for row in answer(connection, statement.replace("cus_...", customer))]
        assert count > 0, statement


def test_every_statement_for_a_lake_is_run() -> None:
    audit = for_a_lake("sql", "sql duckdb", of=DOCS / "guarantees.md")
    assert {*map(str, for_a_lake("sql", "sql duckdb"))} == {*map(str, [*QUERIES, *ERASING, *audit])}

"""A lake in which somebody has deleted rows by delta-rs answers as others do: its new files have text as views."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from stripe_raw_rs import _core, ingest, latest, query
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables import open_tables
from tests.conftest import KEY, erase, landed
from tests.docs_lake import answer, for_a_lake, opened
from tests.documents import DOCS

if TYPE_CHECKING:
    from pathlib import Path

LISTS = "events,charges,customers,customers_tax_ids"
RAW, CHECKPOINTS = "stripe_charges_raw", _core.CHECKPOINT_TABLE
AUDIT = for_a_lake("sql", "sql duckdb", of=DOCS / "guarantees.md")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("whole") / "lake"
    counts = {"charges": 40, "customers": 6}
    with StripeSimulator(counts=counts, object_events=True, sublist_items=12) as stripe:
        for _ in range(2):
            ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities=LISTS).raise_for_status()
            stripe.change("charges", stripe.ids("charges")[:3])
    return lake


@pytest.fixture(scope="module")
def erased(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake without the rows of one charge, and without one page of another list in the checkpoint table."""
    lake = tmp_path_factory.mktemp("erased") / "lake"
    shutil.copytree(whole, lake)
    erase(lake, f"_stripe_id = '{ids(whole)[0]}'")
    erase(lake, f"_stripe_id = '{ids(whole, 'customers_tax_ids')[0]}'", "customers_tax_ids")
    checkpoints = DeltaTable(lake / CHECKPOINTS)
    checkpoints.alter.set_table_properties({"delta.appendOnly": "false"})
    checkpoints.delete("entity = 'customers_tax_ids' AND page_number = 1")
    kinds = {fragment.physical_schema.field("_stripe_id").type for fragment in files(lake, RAW).get_fragments()}
    assert pa.string_view() in kinds, "the reason for these tests"
    return lake


def ids(lake: Path, name: str = "charges") -> list[str]:
    return sorted(set(landed(lake, name, "_stripe_id")["_stripe_id"].to_pylist()))


def files(lake: Path, name: str) -> Any:
    tables: Any = open_tables({"lake": str(lake)})
    return tables.dataset(name)


STATEMENTS = (
    "SELECT count(*) AS n FROM {name} WHERE _stripe_id = '{id}'",
    "SELECT _stripe_id, _raw_json FROM {name} WHERE _stripe_id IN ('{id}', '{other}', '{gone}')",
    "SELECT count(*) AS n FROM {name} WHERE _stripe_id > '{id}' AND _page_number = 1 AND _source = 'list'",
    "SELECT count(*) AS n FROM {name} WHERE _stripe_created_at > TIMESTAMPTZ '2026-01-01 00:00:00+00'",
    "SELECT count(*) AS n FROM {name} AS a JOIN {name} AS b USING (_stripe_id) WHERE b._stripe_id <> '{id}'",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_remains_can_be_asked_for(whole: Path, erased: Path, statement: str) -> None:
    gone, other, *_, id_ = ids(whole)
    text = statement.format(name=RAW, gone=gone, other=other, id=id_)
    expected = duckdb.connect()
    expected.register("every_row", landed(whole, "charges"))
    expected.execute(f"CREATE VIEW {RAW} AS FROM every_row WHERE _stripe_id <> '{gone}'")
    rows = sorted(map(str, answer(expected, text)))
    assert sorted(map(str, query(text, lake=erased).to_arrow_table().to_pylist())) == rows
    assert sorted(map(str, answer(opened(erased), text))) == rows, "by the lines of the document, too"


def test_the_latest_states_and_histories_can_be_asked_for(whole: Path, erased: Path) -> None:
    gone, *_, id_ = ids(whole)
    for name in ("charges", "charges_history", "customers", "customers_tax_ids_history"):
        ((total,),) = query(f"SELECT count(*) FROM {name}", lake=erased).fetchall()  # noqa: S608 - ours
        assert total > 0, name
    for name in ("charges", "charges_history"):
        found = query(f"SELECT DISTINCT _stripe_id FROM {name} WHERE _stripe_id = '{id_}'", lake=erased)  # noqa: S608
        assert found.fetchall() == [(id_,)]
    assert query(f"FROM charges WHERE _stripe_id = '{gone}'", lake=erased).fetchall() == []
    connection = duckdb.connect()
    connection.register("rows", latest("charges", lake=erased))
    assert answer(connection, f"SELECT count(*) AS n FROM rows WHERE _stripe_id = '{id_}'") == [{"n": 1}]  # noqa: S608
    assert len(latest("customers_tax_ids", lake=erased)) > 0


@pytest.mark.parametrize("block", AUDIT, ids=str)
def test_the_audit_runs(erased: Path, block: Any) -> None:
    asked = query(block.text, lake=erased).to_arrow_table().to_pylist()
    assert sorted(map(str, asked)) == sorted(map(str, answer(opened(erased), block.text)))
    assert bool(asked) == ("FULL JOIN" in block.text or "string_agg" in block.text), "rows are gone, and nothing else"


def test_a_table_whose_rows_are_all_there_leaves_comparisons_of_text_to_pyarrow(whole: Path, erased: Path) -> None:
    assert files(whole, RAW).schema.field("_stripe_id").type == pa.string()
    assert files(erased, RAW).schema.field("_stripe_id").type == pa.string_view()
    assert files(erased, "stripe_events_raw").schema.field("_stripe_id").type == pa.string()

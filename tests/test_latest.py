"""`latest` gives the newest state of each object, to whatever takes Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from stripe_raw_rs import UsageError, ingest, latest
from stripe_raw_rs.simulator import StripeSimulator
from tests import oracle
from tests.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

LISTS = "charges,customers,customers_tax_ids,events"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, between which charges have changed, and a customer was deleted."""
    place = tmp_path_factory.mktemp("latest") / "lake"
    with StripeSimulator(counts={"charges": 120, "customers": 12}, sublist_items=20) as stripe:
        options: dict[str, Any] = {"api_key": KEY, "api_base_url": stripe.url, "entities": LISTS}
        ingest(lake=place, **options).raise_for_status()
        stripe.change("charges", stripe.ids("charges")[:7])
        stripe.delete("customers", stripe.ids("customers")[0])
        ingest(lake=place, **options).raise_for_status()
    return place


def test_the_rows_are_those_of_the_view(lake: Path) -> None:
    for name in ("charges", "customers"):
        found = pa.table(latest(name, lake=lake)).select(["_stripe_id", "_raw_json", "_deleted"]).to_pylist()
        rows = {row["_stripe_id"]: (row["_raw_json"], row["_deleted"]) for row in found}
        assert rows == oracle.latest(lake, name)
        assert len(found) == len(rows)
    assert sum(pa.table(latest("customers", lake=lake))["_deleted"].to_pylist()) == 1


def test_the_lists_of_single_objects_are_there_too(lake: Path) -> None:
    found = pa.table(latest("customers_tax_ids", lake=lake))
    assert found.num_rows == sum(map(len, oracle.lists(lake, "customers_tax_ids").values())) >= 15


def test_polars_duckdb_and_pyarrow_take_it_as_often_as_they_like(lake: Path) -> None:
    rows = latest("charges", lake=lake)
    assert pl.DataFrame(rows).height == pa.table(rows).num_rows == len(rows) == 120
    counted = duckdb.sql("SELECT count(*) FROM rows")
    assert counted is not None
    assert counted.fetchall() == [(120,)]
    assert pa.table(rows).schema.field("_raw_json").type == pa.string()


def test_printing_it_shows_ten_rows_and_how_many_there_are(lake: Path) -> None:
    head, *rows, last = str(latest("charges", lake=lake)).splitlines()
    assert head.split() == ["_stripe_id", "_stripe_created_at", "_deleted", "_raw_json"]
    assert len(rows) == 10
    assert last == f"charges in {lake}: 120 objects, the first 10 of them shown"
    assert latest("charges", lake=lake)._repr_html_().count("<tr>") == 11


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chargess", "unknown entity 'chargess'"),
        ("charges,customers", "one list has one latest state, and 'charges,customers' names 2"),
        ("payouts", "has no raw table of payouts: land it first"),
    ],
)
def test_a_list_that_is_not_there_is_one_plain_line(lake: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        latest(name, lake=lake)

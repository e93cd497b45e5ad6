"""Spark's tables keep themselves in order: many small files become few, no row changes, and large files stay."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from stripe_raw_rs import ingest, verify
from stripe_raw_rs.commit import commit
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables.spark import upkeep
from tests.conftest import KEY, HandMade, assert_whole, ids, rows_of
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from stripe_raw_rs.tables import Table

pytestmark = pytest.mark.spark

CHECKPOINTS = "stripe_ingestion_checkpoints"
RAW = "stripe_charges_raw"
FEW = 4


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """An append takes Spark a second, so few files are many here."""
    monkeypatch.setattr(upkeep, "MOST_SMALL_FILES", FEW)


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with StripeSimulator(counts={"charges": FEW + 2}) as stripe:
        yield stripe


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> None:
    """A commit for each page of one object."""
    given = {"entities": "charges", "page_size": 1, "commit_interval_seconds": 0, **options}
    ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **given).raise_for_status()


def rows(lake: Path, name: str) -> pa.Table:
    table = pa.table(DeltaTable(lake / name).to_pyarrow_table())
    return table.sort_by([(column, "ascending") for column in table.schema.names[:12] if column != "_raw_json"])


def files(lake: Path, name: str) -> list[str]:
    return sorted(DeltaTable(lake / name).file_uris())


def operations(lake: Path, name: str) -> list[str]:
    return [entry["operation"] for entry in DeltaTable(lake / name).history()]


def many(table: Table, first: int = 1) -> None:
    for version in range(first, first + FEW + 1):
        commit(table, HandMade(rows_of(f"ch_{version:02}"), version, must_be_seen=False))


@pytest.mark.spark40
@pytest.mark.connect40
def test_many_small_files_become_one_and_no_row_changes(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, maintenance="no")
    before = {name: rows(lake, name) for name in (CHECKPOINTS, RAW)}
    assert all(len(files(lake, name)) > FEW for name in before)
    land(lake, stripe)
    for name, old in before.items():
        assert len(files(lake, name)) == 1
        assert all(file.endswith(".zstd.parquet") for file in files(lake, name))
        assert "OPTIMIZE" in operations(lake, name)
        assert "VACUUM END" in operations(lake, name)
        run = "run_id" if name == CHECKPOINTS else "_ingest_run_id"
        after = rows(lake, name)
        assert after.filter(pc.equal(after[run], old[run][0])).equals(old)
    assert_whole(lake, stripe, "charges")
    stripe.add("charges", 2)
    land(lake, stripe, lookback_seconds=0)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


@pytest.mark.kill
def test_a_run_goes_on_after_its_tables_were_maintained(lake: Path, stripe: StripeSimulator) -> None:
    with pytest.raises(Exception, match="max_requests"):
        land(lake, stripe, max_requests=FEW + 1)
    assert "OPTIMIZE" in operations(lake, RAW)
    land(lake, stripe)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_commit_is_found_after_the_table_was_maintained(table: Table, lake: Path) -> None:
    many(table)
    first, last = (HandMade(rows_of(f"ch_{name}"), version) for name, version in (("100", 100), ("101", 101)))
    commit(table, first)
    assert table.maintain() == f"{FEW + 1} files fewer"
    assert table.outcome(first) == "landed"
    assert table.outcome(last) == "absent"
    # Its number is still taken: Spark skips it, and nothing is there twice.
    table.append(HandMade(rows_of("ch_twice"), 100))
    commit(table, last)
    assert ids(table) == [*sorted(f"ch_{version:02}" for version in range(1, FEW + 2)), "ch_100", "ch_101"]
    assert len(files(lake, table.name)) == 2


def test_a_table_in_order_is_left_as_it_is(table: Table, lake: Path) -> None:
    assert table.maintain() is None
    for version in range(1, FEW + 1):
        commit(table, HandMade(rows_of(f"ch_{version}"), version, must_be_seen=False))
    before = DeltaTable(lake / table.name).version()
    assert table.maintain() is None
    assert DeltaTable(lake / table.name).version() == before
    commit(table, HandMade(rows_of("ch_last"), FEW + 1))
    assert table.maintain() == f"{FEW} files fewer"
    assert table.maintain() is None


def test_large_files_stay_as_they_are(table: Table, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(table, HandMade(rows_of(*(f"large_{number:05}" for number in range(20_000))), 1))
    (large,) = files(lake, table.name)
    size = DeltaTable(lake / table.name).get_add_actions()["size_bytes"].to_pylist()[0]
    monkeypatch.setattr(upkeep, "SMALL_FILE", size)
    monkeypatch.setitem(upkeep._SETTINGS, "spark.databricks.delta.optimize.minFileSize", str(size))  # noqa: SLF001
    many(table, 2)
    assert table.maintain() == f"{FEW} files fewer"
    assert large in files(lake, table.name)
    assert len(files(lake, table.name)) == 2


def test_the_settings_of_the_session_are_its_own_again(table: Table, spark: SparkSession) -> None:
    mine, others = "spark.sql.parquet.compression.codec", set(upkeep._SETTINGS)  # noqa: SLF001 - those very ones
    others.discard(mine)
    spark.conf.set(mine, "gzip")
    before = {name: spark.conf.get(name, None) for name in others}
    try:
        many(table)
        assert table.maintain() is not None
        assert spark.conf.get(mine) == "gzip"
        assert {name: spark.conf.get(name, None) for name in others} == before
    finally:
        spark.conf.unset(mine)


def test_a_session_that_takes_no_settings_changes_nothing(
    table: Table, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(table)
    before = files(lake, table.name)
    monkeypatch.setattr(upkeep, "_set", lambda _session: False)
    assert table.maintain() is None
    assert files(lake, table.name) == before


def test_a_clustered_table_is_left_to_the_platform(table: Table, spark: SparkSession, lake: Path) -> None:
    spark.sql(f"ALTER TABLE spark_catalog.{lake.stem}.{table.name} CLUSTER BY (_stripe_created_at)")
    many(table)
    assert table.maintain() is None
    assert "OPTIMIZE" not in operations(lake, table.name)


@pytest.mark.parametrize(
    ("said", "is_left_out"),
    [
        (None, True),
        ("ENABLE (inherited from METASTORE main)", True),
        ("DISABLE (inherited from CATALOG main)", False),
        ("DISABLE", False),
        ("something new", True),
    ],
)
def test_on_databricks_a_table_is_maintained_only_if_it_says_that_the_platform_does_not(
    monkeypatch: pytest.MonkeyPatch, said: str | None, *, is_left_out: bool
) -> None:
    class Session:
        def sql(self, statement: str) -> Session:
            assert statement == "DESCRIBE TABLE EXTENDED a.b.c"
            return self

        def collect(self) -> list[dict[str, str]]:
            rows = [{"col_name": "Provider", "data_type": "delta"}]
            return rows if said is None else [*rows, {"col_name": "Predictive Optimization", "data_type": said}]

    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert upkeep._is_left_out(Session(), "a.b.c") == is_left_out  # noqa: SLF001


def test_on_databricks_nothing_is_done_in_doubt(table: Table, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(table)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert table.maintain() is None
    assert "OPTIMIZE" not in operations(lake, table.name)


@pytest.mark.kill
def test_rivals_append_and_maintain_at_the_same_time(table: Table, lake: Path) -> None:
    many(table)
    done = threading.Event()
    faults: list[BaseException] = []

    def maintain_again_and_again() -> None:
        try:
            while not done.is_set():
                # Table objects of their own, as another process has them.
                tables_of(lake).table(table.name).maintain()
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    thread = threading.Thread(target=maintain_again_and_again)
    thread.start()
    try:
        for version in range(50, 60):
            commit(table, HandMade(rows_of(f"ch_{version}"), version, app_id="other"))
    finally:
        done.set()
        thread.join()
    assert faults == []
    expected = [*range(1, FEW + 2), *range(50, 60)]
    assert ids(table) == [f"ch_{version:02}" for version in expected]
    assert "OPTIMIZE" in operations(lake, table.name)


def test_a_rival_that_was_faster_is_not_a_fault(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    many(table)

    class Beaten:
        """A session whose OPTIMIZE comes too late."""

        def __init__(self, session: SparkSession) -> None:
            self._session = session

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)

        def sql(self, statement: str) -> Any:
            if statement.startswith("OPTIMIZE"):
                message = "[DELTA_CONCURRENT_DELETE_READ] ConcurrentDeleteReadException: deleted by a concurrent update"
                raise RuntimeError(message)
            return self._session.sql(statement)

    monkeypatch.setattr(table, "_session", Beaten(table._session))  # type: ignore[attr-defined]  # noqa: SLF001
    assert table.maintain() is None

"""Rules for Spark's tables alone: names, definition, ways into Spark, and work on tables that delta-rs made."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from stripe_raw_rs import _core, ingest, verify
from stripe_raw_rs.commit import commit
from stripe_raw_rs.exceptions import FencedError, TableError, UsageError
from stripe_raw_rs.tables import open_tables
from stripe_raw_rs.tables.spark import frames as spark_frames
from stripe_raw_rs.tables.spark import session as spark_session
from stripe_raw_rs.tables.spark.frames import Frames
from tests.conftest import KEY, PROPERTIES, SCHEMA, Columns, HandMade, assert_whole, events, ids, rows_of
from tests.lakes.make import END, account_after
from tests.lakes.make import OPTIONS as OLD_OPTIONS
from tests.places import place_of, schema_folder, tables_of
from tests.spark.schemas import adopt
from tests.test_upgrade import assert_upgraded, metadata_changes, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from stripe_raw_rs.simulator import StripeSimulator
    from stripe_raw_rs.tables import Table, TableOptions

pytestmark = pytest.mark.spark

ROOM = Path(spark_session.__file__).parent


@pytest.mark.parametrize("name", ["a`b", "a.b", "a;b", "a b", "a/b", "a\nb", "a\x7fb", "", "x" * 256])
@pytest.mark.parametrize("what", ["catalog", "schema"])
def test_a_name_that_could_end_its_quotes_is_refused_before_anything_is_sent(
    what: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_session, "find_session", lambda: pytest.fail("a session was asked for"))
    names = {"catalog": "spark_catalog", "schema": "raw", what: name}
    with pytest.raises(UsageError, match=f"{what} '.*' cannot be used"):
        open_tables({"catalog": names["catalog"], "schema": names["schema"]})


def test_a_catalog_that_is_not_there_ends_in_an_error_that_names_the_grant(spark: SparkSession) -> None:
    assert spark
    with pytest.raises(UsageError, match=r"catalog 'nowhere' is not there.* GRANT USE CATALOG ON CATALOG `nowhere`"):
        open_tables({"catalog": "nowhere", "schema": "raw"})


def test_a_schema_is_made_with_its_first_table(spark: SparkSession, lake: Path) -> None:
    tables = tables_of(lake)
    assert not tables.table("stripe_charges_raw").exists()
    assert lake.stem not in [row[0] for row in spark.sql("SHOW SCHEMAS").collect()]
    tables.table("stripe_charges_raw").create(Columns(SCHEMA), PROPERTIES, "")  # type: ignore[arg-type]
    assert tables.table("stripe_charges_raw").exists()


def test_words_of_sql_can_be_names(spark: SparkSession) -> None:
    table = open_tables({"catalog": "spark_catalog", "schema": "select"}).table("stripe_charges_raw")
    table.create(Columns(SCHEMA), PROPERTIES, 'it\'s \\ a "test"; --')  # type: ignore[arg-type]
    commit(table, HandMade(rows_of("ch_1"), 1))
    assert ids(table) == ["ch_1"]
    detail = spark.sql("DESCRIBE DETAIL spark_catalog.`select`.stripe_charges_raw").collect()[0]
    assert detail["description"] == 'it\'s \\ a "test"; --'


def real_table(lake: Path, options: TableOptions | None = None) -> Table:
    """A raw table as the main job makes it."""
    place: TableOptions = {**place_of(lake), **(options or {})}
    table = open_tables(place).table("stripe_charges_raw")
    table.create(_core.raw_schema(), PROPERTIES, "Charges")
    return table


def test_a_table_is_clustered_on_databricks_or_on_demand(spark: SparkSession, lake: Path) -> None:
    def clustered() -> list[str]:
        (detail,) = spark.sql(f"DESCRIBE DETAIL spark_catalog.{lake.stem}.stripe_charges_raw").collect()
        columns: list[str] = list(detail["clusteringColumns"] or [])
        spark.sql(f"DROP TABLE spark_catalog.{lake.stem}.stripe_charges_raw")
        return columns

    real_table(lake)
    assert clustered() == []
    real_table(lake, {"liquid_clustering": "yes"})
    assert clustered() == ["_stripe_created_at"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
        real_table(lake)
        assert clustered() == ["_stripe_created_at"]
        real_table(lake, {"liquid_clustering": "no"})
        assert clustered() == []


def test_delta_rs_refuses_a_table_that_it_cannot_write(lake: Path) -> None:
    real_table(lake, {"liquid_clustering": "yes"})
    table = open_tables({"lake": lake}).table("stripe_charges_raw")
    with pytest.raises(UsageError, match=r"liquid clustering, to which delta-rs cannot append: .*catalog and schema"):
        table.create(_core.raw_schema(), PROPERTIES, "")


def test_payloads_are_checked_if_the_option_says_so(lake: Path) -> None:
    table = real_table(lake, {"check_payloads": True})
    assert table.properties()["delta.constraints.stripe_raw_payload"]
    real_table(lake, {"check_payloads": True})
    row = raw_rows(1)
    commit(table, HandMade(row, 1))
    forged = row.set_column(row.schema.get_field_index("_payload_sha256"), "_payload_sha256", pa.array(["0" * 64]))
    with pytest.raises(TableError, match="stripe_raw_payload") as refused:
        commit(table, HandMade(pa.table(forged.columns, schema=row.schema), 2))
    assert "secret payload" not in str(refused.value), "the row's values must not be logged"
    assert len(ids(table)) == 1
    with pytest.raises(UsageError, match=r"check constraint.* delta-rs cannot append"):
        open_tables({"lake": lake}).table("stripe_charges_raw").create(_core.raw_schema(), PROPERTIES, "")


# An hour that comes twice in New York that night; one microsecond before 1970; integers that no float holds.
MOMENTS = [1_699_163_999_999_999, 1_699_164_000_000_000, 1_699_167_599_999_999, -1, 0, None]
LARGE = [(1 << 53) + 1, -((1 << 53) + 1), (1 << 63) - 1, 0, None, -1]
TEXTS = ['{"a":"é\\u0000"}', "\U0001f4b3", "", "'", "\\", "\u2028"]


def test_a_constraint_that_rows_already_break_ends_in_an_error(lake: Path) -> None:
    table = real_table(lake)
    row = raw_rows(1)
    forged = row.set_column(row.schema.get_field_index("_payload_sha256"), "_payload_sha256", pa.array(["0" * 64]))
    commit(table, HandMade(pa.table(forged.columns, schema=row.schema), 1))
    with pytest.raises(TableError, match="cannot be given its constraint"):
        real_table(lake, {"check_payloads": True})


def raw_rows(count: int, size: int = 0) -> pa.Table:
    """Rows of a raw table with values that are hard to carry over."""
    schema = pa.schema(_core.raw_schema())
    payloads = [TEXTS[at % 6] if at % 6 else "secret payload" + "x" * size for at in range(count)]
    import hashlib  # noqa: PLC0415 - this alone needs it

    columns: dict[str, list[Any]] = {
        "_stripe_id": [f"ch_{at}" for at in range(count)],
        "_stripe_created_at": [MOMENTS[at % 6] for at in range(count)],
        "_entity": ["charges"] * count,
        "_stripe_account": [None if at % 2 else "acct_1" for at in range(count)],
        "_ingest_run_id": ["run"] * count,
        "_ingested_at": [MOMENTS[at % 5] for at in range(count)],
        "_page_number": [abs(LARGE[at % 4] or 0) for at in range(count)],
        "_page_row": list(range(count)),
        "_range_gte": [LARGE[at % 6] for at in range(count)],
        "_range_lt": [None] * count,
        "_request_cursor": [None] * count,
        "_next_cursor": ["ch_9"] * count,
        "_has_more": [at % 2 == 0 for at in range(count)],
        "_http_status": [200] * count,
        "_request_id": ["req_1"] * count,
        "_api_version": ["v"] * count,
        "_payload_sha256": [hashlib.sha256(text.encode()).hexdigest() for text in payloads],
        "_commit_version": [1 << 32] * count,
        "_content_sha256": [None if at % 2 else "0" * 64 for at in range(count)],
        "_source": ["list"] * count,
        "_event_id": [None] * count,
        "_event_type": [None] * count,
        "_parent_id": [None] * count,
        "_due_at": [None] * count,
        "_raw_json": payloads,
    }
    return pa.table(columns, schema=schema)


@pytest.fixture(params=["arrow", "parquet", "pandas", "pandas without arrow"])
def way(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Iterator[TableOptions]:
    """Each way into this Spark, and not only the one that it would choose by itself."""
    name: str = request.param
    if name == "arrow" and not spark_frames._takes_arrow(spark):  # noqa: SLF001 - the very question
        pytest.skip("this Spark takes no Arrow table")
    setting = "spark.sql.execution.arrow.pyspark.enabled"
    with pytest.MonkeyPatch.context() as patch:
        if name != "arrow":
            patch.setattr(spark_frames, "_takes_arrow", lambda _session: False)
        if name.startswith("pandas"):
            spark.conf.set(setting, str(name == "pandas").lower())
        (tmp_path / "volume").mkdir()
        yield {"staging_volume": str(tmp_path / "volume")} if name == "parquet" else {}
        if name.startswith("pandas"):
            spark.conf.unset(setting)
        assert list((tmp_path / "volume").iterdir()) == []


def test_every_value_arrives_as_it_was(lake: Path, way: TableOptions) -> None:
    table = real_table(lake, way)
    rows = raw_rows(12)
    commit(table, HandMade(rows, 1))
    assert pa.table(table.read(rows.schema.names, [])).sort_by("_page_row").equals(rows), "read by Spark"
    by_delta_rs = open_tables({"lake": lake}).table(table.name)
    assert pa.table(by_delta_rs.read(rows.schema.names, [])).sort_by("_page_row").equals(rows), "read by delta-rs"


def test_a_large_group_becomes_one_commit_and_one_file(lake: Path, way: TableOptions) -> None:
    # The largest that the core hands over: a full group, and a page of the largest size on top.
    table = real_table(lake, way)
    rows = raw_rows(66, size=6_000_000)
    assert rows.nbytes > 60_000_000
    commit(table, HandMade(rows, 1))
    files = DeltaTable(lake / table.name)
    assert (files.version(), len(files.file_uris())) == (1, 1)
    assert sorted(ids(table)) == sorted(rows["_stripe_id"].to_pylist())


def test_the_way_into_spark_is_found_by_trying(spark: SparkSession, tmp_path: Path) -> None:
    arrow = spark_frames._takes_arrow(spark)  # noqa: SLF001 - the very question
    assert arrow == (not spark.version.startswith("3."))
    assert Frames(spark).way.__name__ == ("_arrow" if arrow else "_pandas")
    assert Frames(spark, str(tmp_path)).way.__name__ == ("_arrow" if arrow else "_parquet")
    with pytest.raises(UsageError, match="staging volume '/Volumes/no/such/one' is not a folder"):
        Frames(spark, "/Volumes/no/such/one")


def test_a_skipped_commit_is_noticed_at_the_next_one_that_must_be_seen(table: Table) -> None:
    commit(table, HandMade(rows_of("ch_1"), 2))
    # Spark skips it without a word; the next commit that must be seen shows it.
    commit(table, HandMade(rows_of("ch_lost"), 1, must_be_seen=False))
    with pytest.raises(FencedError):
        commit(table, HandMade(rows_of("ch_lost"), 2))
    assert ids(table) == ["ch_1"]


def test_a_foreign_column_type_is_reported_by_its_name(spark: SparkSession, lake: Path) -> None:
    spark.sql(f"CREATE SCHEMA spark_catalog.{lake.stem}")
    table = f"spark_catalog.{lake.stem}.stripe_charges_raw"
    spark.sql(f"CREATE TABLE {table} (_stripe_id DECIMAL(10, 2)) USING DELTA")
    found = tables_of(lake).table("stripe_charges_raw").schema()
    assert _core.raw_schema().difference(found) == "column '_stripe_id' is decimal(10,2) and should be Utf8"


def test_columns_of_any_type_that_the_owner_added_stay_null(
    spark: SparkSession, lake: Path, stripe: StripeSimulator
) -> None:
    options: dict[str, Any] = {"api_key": KEY, "api_base_url": stripe.url, "entities": "refunds"}
    ingest(**place_of(lake), **options).raise_for_status()
    table = f"spark_catalog.{lake.stem}.stripe_refunds_raw"
    added = "a DECIMAL(10, 2) FIRST, b STRUCT<c: DATE, d: MAP<STRING, BINARY>> AFTER _entity, e DOUBLE"
    spark.sql(f"ALTER TABLE {table} ADD COLUMNS ({added})")
    stripe.add("refunds", 3)
    ingest(**place_of(lake), **options).raise_for_status()
    assert_whole(lake, stripe, "refunds")
    assert set(map(tuple, spark.table(table).select("a", "b", "e").collect())) == {(None, None, None)}
    verify(tables=tables_of(lake)).raise_for_status()


def test_lost_commits_are_distinguished_from_rows_that_were_erased(
    spark: SparkSession, warehouse: Path, lake: Path, stripe: StripeSimulator
) -> None:
    """Spark does not show a transaction's version, so the commit itself is looked for if its rows are not there."""
    options: dict[str, Any] = {"api_key": KEY, "api_base_url": stripe.url, "entities": "refunds"}
    ingest(**place_of(lake), **options).raise_for_status()
    stripe.add("refunds", 3)
    shutil.copytree(lake, schema_folder(warehouse, "cut"))
    ingest(**place_of(lake), **options, lookback_seconds=0).raise_for_status()
    # A table that ends before the newest rows, beside the events that name them.
    cut = schema_folder(warehouse, "cut")
    shutil.rmtree(cut / "stripe_ingestion_checkpoints")
    shutil.copytree(lake / "stripe_ingestion_checkpoints", cut / "stripe_ingestion_checkpoints")
    adopt(spark, cut)
    with pytest.raises(TableError, match=r"commits of table .*cut.stripe_refunds_raw' are lost: .*give_up=.scratch."):
        ingest(**place_of(cut), **options).raise_for_status()
    ingest(**place_of(cut), **options, give_up="scratch").raise_for_status()
    assert_whole(cut, stripe, "refunds")


def test_tables_go_from_one_writer_to_the_other_and_back(
    spark: SparkSession, lake: Path, stripe: StripeSimulator
) -> None:
    options: dict[str, Any] = {"api_key": KEY, "api_base_url": stripe.url, "entities": "refunds"}
    places: list[TableOptions] = [place_of(lake), {"lake": lake}, place_of(lake)]
    for round_, place in enumerate(places):
        stripe.add("refunds", 5)
        ingest(**place, **options).raise_for_status()
        assert_whole(lake, stripe, "refunds")
        assert len(events(lake, "event_type = 'RUN_COMPLETED'")) == round_ + 1
        spark.catalog.clearCache()
    assert verify(tables=tables_of(lake)).findings == verify(lake=lake).findings == ()


def test_spark_goes_on_with_tables_that_delta_rs_made(
    spark: SparkSession, warehouse: Path, lake: Path, stripe: StripeSimulator
) -> None:
    assert lake.parent == warehouse
    options: dict[str, Any] = {"api_key": KEY, "api_base_url": stripe.url, "entities": "refunds"}
    ingest(lake=lake, **options).raise_for_status()
    adopt(spark, lake)
    stripe.add("refunds", 3)
    ingest(**place_of(lake), **options).raise_for_status()
    assert_whole(lake, stripe, "refunds")
    verify(tables=tables_of(lake)).raise_for_status()


def test_spark_gives_a_lake_of_version_0_1_0_its_columns(spark: SparkSession, lake: Path) -> None:
    with account_after("unfinished") as stripe:
        adopt(spark, unpack("unfinished", lake, stripe))
        verify(tables=tables_of(lake)).raise_for_status()
        stripe.add("charges", 3, created=END - 500)
        for _again in range(2):
            ingest(
                **place_of(lake), api_key=KEY, api_base_url=stripe.url, **OLD_OPTIONS, entities="charges"
            ).raise_for_status()
        assert_upgraded(lake, stripe, "unfinished")
        verify(tables=tables_of(lake)).raise_for_status()
        assert metadata_changes(lake) == 3 * 2, "each table is created, given its columns, and given its version"


def test_the_code_uses_only_calls_that_spark_connect_has() -> None:
    """It never uses `insertInto`, which ignores the transaction's identifier."""
    refused = {"insertInto", "_jvm", "_jsparkSession", "_jdf", "sparkContext", "rdd", "_sc", "toPandas", "DeltaTable"}
    for file in ROOM.glob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & refused, file.name

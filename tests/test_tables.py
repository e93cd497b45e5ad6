"""The contract of the tables, for every engine that writes them, with commits made by hand."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake import Field as DeltaField
from deltalake.schema import PrimitiveType

from stripe_raw_rs.commit import commit
from stripe_raw_rs.exceptions import TableError, UsageError
from stripe_raw_rs.tables import CommitUnknownError, check_schema
from tests.conftest import PROPERTIES, SCHEMA, Columns, HandMade, column, ids, rows_of
from tests.places import tables_of

if TYPE_CHECKING:
    from stripe_raw_rs.tables import Condition, Table, Tables

contract = pytest.mark.contract


@pytest.fixture
def folder(lake: Path, table: Table) -> Path:
    """The folder of the table's files."""
    return lake / table.name


def log_of(folder: Path) -> list[dict[str, Any]]:
    files = sorted(Path(folder, "_delta_log").glob("*.json"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@contract
def test_a_new_table_describes_itself(table: Table, folder: Path) -> None:
    (metadata,) = [action["metaData"] for action in log_of(folder) if "metaData" in action]
    fields = json.loads(metadata["schemaString"])["fields"]
    assert [field["name"] for field in fields] == SCHEMA.names
    assert [field["nullable"] for field in fields] == [False, True, True, False, False]
    assert all(field["metadata"]["comment"] == f"what {field['name']} says" for field in fields)
    assert metadata["description"] == "Charges as sent"
    assert metadata["configuration"]["delta.appendOnly"] == "true"
    assert table.properties().items() >= PROPERTIES.items()
    assert pa.schema(table.schema()).equals(SCHEMA)


@contract
def test_payloads_have_no_statistics(table: Table, folder: Path) -> None:
    commit(table, HandMade(rows_of("ch_1"), 1))
    (added,) = [action["add"] for action in log_of(folder) if "add" in action]
    assert set(json.loads(added["stats"])["minValues"]) == set(SCHEMA.names) - {"_raw_json", "_stripe_account"}
    file = folder / added["path"]
    columns = duckdb.connect().execute(
        "SELECT compression, encodings, stats_min_value, stats_max_value FROM parquet_metadata(?) "
        "WHERE path_in_schema = '_raw_json'",
        [str(file)],
    )
    ((compression, encodings, *extremes),) = columns.fetchall()
    assert compression == "ZSTD"
    # On Spark these cannot be chosen for one column.
    if not table.skips_silently:
        assert extremes == [None, None]
        assert "DICTIONARY" not in encodings


@contract
def test_rows_can_be_added_and_never_removed(table: Table, folder: Path) -> None:
    commit(table, HandMade(rows_of("ch_1", "ch_2"), 1))
    with pytest.raises(Exception, match=r"(?i)append"):
        DeltaTable(folder).delete("_stripe_id = 'ch_1'")
    assert ids(table) == ["ch_1", "ch_2"]


@contract
def test_one_group_becomes_one_file(table: Table, folder: Path) -> None:
    commit(table, HandMade(rows_of(*(f"ch_{number}" for number in range(20_000))), 1))
    assert len(DeltaTable(folder).file_uris()) == 1


@contract
@pytest.mark.parametrize("rows", [1, 1_023, 1_024, 1_025, 5_000])
def test_each_row_is_read_however_many_there_are(table: Table, rows: int) -> None:
    names = [f"ch_{number:04}" for number in range(rows)]
    commit(table, HandMade(rows_of(*names), 1))
    assert ids(table) == names


def versions(folder: Path) -> list[int]:
    return sorted(int(file.stem) for file in Path(folder, "_delta_log").glob("*.json"))


def test_many_commits_of_two_writers_that_take_turns_all_land(lake: Path, table: Table) -> None:
    """Each writer goes on from its own last commit, and has to see the later commits of the other one."""
    other = tables_of(lake).table(table.name)
    for number in range(20):
        for writer, name in ((table, "mine"), (table, "mine too"), (other, "theirs")):
            commit(writer, HandMade(rows_of(f"{name} {number}"), number, app_id=f"app/{name}"))
    assert len(ids(table)) == 60


def test_a_table_that_others_made_again_or_put_back_is_read_from_its_beginning(
    lake: Path, table: Table, folder: Path, tmp_path: Path
) -> None:
    commit(table, HandMade(rows_of("ch_1"), 1))
    shutil.copytree(folder, tmp_path / "older")
    for version in (2, 3):
        commit(table, HandMade(rows_of(f"ch_{version}"), version))
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "older", folder)
    table.append(HandMade(rows_of("ch_4"), 4))
    assert (ids(table), versions(folder)) == (["ch_1", "ch_4"], [0, 1, 2])
    shutil.rmtree(folder)
    tables_of(lake).table(table.name).create(Columns(SCHEMA), PROPERTIES, "Charges as sent")  # type: ignore[arg-type]
    table.append(HandMade(rows_of("ch_5"), 5))
    assert (ids(table), versions(folder)) == (["ch_5"], [0, 1])


@contract
def test_a_second_creation_changes_nothing(table: Table, folder: Path) -> None:
    table.create(Columns(SCHEMA), {"stripe_raw.store_id": "second"}, "again")  # type: ignore[arg-type]
    assert table.properties()["stripe_raw.store_id"] == "first"
    assert DeltaTable(folder).version() == 0


def create_at(lake: Path, store_id: str, barrier: Any) -> None:
    table = tables_of(lake).table("stripe_charges_raw")
    barrier.wait()
    table.create(Columns(SCHEMA), {"stripe_raw.store_id": store_id}, "")  # type: ignore[arg-type]
    Path(lake, f"seen_by_{store_id}").write_text(table.properties()["stripe_raw.store_id"])


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_create_at_once_agree(lake: Path, attempt: int) -> None:
    lake.mkdir()
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    processes = [spawn.Process(target=create_at, args=(lake, f"{attempt}_{number}", barrier)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len({file.read_text() for file in lake.glob("seen_by_*")}) == 1


@contract
def test_conditions_choose_rows(table: Table) -> None:
    commit(table, HandMade(rows_of("ch_1", "it's", 'a "b"', "\\'; --"), 1))
    commit(table, HandMade(rows_of("ch_5", account="acct_1"), 2))
    assert ids(table, ("_stripe_id", "=", "it's", "string")) == ["it's"]
    assert ids(table, ("_stripe_id", "=", 'a "b"', "string")) == ['a "b"']
    assert ids(table, ("_stripe_id", "=", "\\'; --", "string")) == ["\\'; --"]
    assert ids(table, ("_stripe_id", "=", "' OR TRUE --", "string")) == []
    assert ids(table, ("_stripe_account", "=", None, "string"), ("_page_number", ">", 2, "long")) == [
        "\\'; --",
        'a "b"',
    ]
    assert ids(table, ("_stripe_account", "=", "acct_1", "string")) == ["ch_5"]
    assert ids(table, ("_stripe_id", "<>", "ch_1", "string"), ("_page_number", "=", 1, "long")) == ["ch_5"]
    late = 1_700_000_002_000_000
    assert ids(table, ("_stripe_created_at", ">=", late, "timestamp")) == ["\\'; --", 'a "b"']
    assert ids(table, ("_stripe_created_at", "=", late, "timestamp")) == ['a "b"']
    assert ids(table, ("_page_number", ">", -1, "long")) == sorted(["ch_1", "it's", 'a "b"', "\\'; --", "ch_5"])


@contract
def test_rows_that_meet_one_of_several_alternatives_are_read_once(table: Table) -> None:
    commit(table, HandMade(rows_of("ch_1", "ch_2", "ch_3"), 1))
    commit(table, HandMade(rows_of("ch_4", account="acct_1"), 2))
    by_page: Condition = ("_page_number", ">", 1, "long")
    alternatives: list[list[Condition]] = [
        [by_page, ("_stripe_account", "=", None, "string")],
        [("_stripe_id", "=", "ch_3", "string")],
        [("_stripe_account", "=", "acct_1", "string"), ("_page_number", "=", 1, "long")],
    ]
    found = pa.table(table.read_any(["_stripe_id"], alternatives))["_stripe_id"].to_pylist()
    assert sorted(found) == ["ch_2", "ch_3", "ch_4"]


@contract
def test_the_largest_number_of_each_text_is_found(table: Table) -> None:
    assert table.largest("_page_number", ["_stripe_id"], []) == {}
    commit(table, HandMade(rows_of("ch_1", "ch_2"), 1))
    commit(table, HandMade(rows_of("ch_3", "ch_1"), 2))
    assert table.largest("_page_number", ["_stripe_id"], []) == {("ch_1",): 2, ("ch_2",): 2, ("ch_3",): 1}
    first: Condition = ("_page_number", "=", 1, "long")
    assert table.largest("_page_number", ["_stripe_id", "_stripe_account"], [first]) == {
        ("ch_1", None): 1,
        ("ch_3", None): 1,
    }


@contract
def test_a_read_gives_the_columns_of_the_table(table: Table) -> None:
    commit(table, HandMade(rows_of("ch_1", "ch_2"), 1))
    everything = pa.table(table.read(SCHEMA.names, []))
    assert everything.sort_by("_stripe_id").equals(rows_of("ch_1", "ch_2"))
    assert pa.table(table.read(["_page_number", "_stripe_id"], [])).column_names == ["_page_number", "_stripe_id"]
    with pytest.raises(TableError, match="cannot be read"):
        table.read(["_nonsense"], [])


@contract
def test_a_read_comes_in_small_batches(table: Table) -> None:
    commit(table, HandMade(rows_of(*(f"ch_{number}" for number in range(5_000))), 1))
    batches = pa.RecordBatchReader.from_stream(table.read(SCHEMA.names, []))
    assert max(batch.num_rows for batch in batches) <= 1024


@contract
def test_distinct_values_are_sorted_with_nulls_first(table: Table) -> None:
    commit(table, HandMade(rows_of("b", "a"), 1))
    commit(table, HandMade(rows_of("a", "a", account="acct_1"), 2))
    assert table.distinct(["_stripe_id", "_stripe_account"], []) == [("a", None), ("a", "acct_1"), ("b", None)]


MINE = SCHEMA.field("_stripe_account").with_name("mine")


@contract
@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(SCHEMA.append(MINE), id="one at the end"),
        pytest.param(SCHEMA.insert(0, MINE), id="one before ours"),
        pytest.param(SCHEMA.insert(2, MINE).append(MINE.with_name("too")), id="some among ours"),
        pytest.param(pa.schema([SCHEMA.field(at) for at in (4, 2, 0, 3, 1)]), id="ours in another order"),
        pytest.param(pa.schema([SCHEMA.field(4), MINE, *(SCHEMA.field(at) for at in (2, 0, 3, 1))]), id="both"),
    ],
)
def test_an_append_fits_other_columns_and_changes_none(tables: Tables, lake: Path, columns: pa.Schema) -> None:
    table = tables.table("stripe_charges_raw")
    table.create(Columns(columns), PROPERTIES, "Charges as sent")  # type: ignore[arg-type]
    for version in (1, 2):
        commit(table, HandMade(rows_of(f"ch_{version}", account="acct_1"), version))
    rows = pa.table(table.read([name for name in columns.names if name in SCHEMA.names], [])).select(SCHEMA.names)
    expected = pa.concat_tables([rows_of("ch_1", account="acct_1"), rows_of("ch_2", account="acct_1")])
    assert rows.sort_by("_stripe_id").equals(expected)
    for name in set(columns.names) - set(SCHEMA.names):
        assert pa.table(table.read([name], []))[name].to_pylist() == [None, None]
    assert pa.schema(table.schema()).names == columns.names
    changes = [action for action in log_of(lake / table.name) if {"metaData", "protocol"} & action.keys()]
    assert len(changes) == 2, "the two changes are those of its creation"


@contract
def test_a_column_that_is_added_while_a_run_writes_stays_null(table: Table, folder: Path) -> None:
    commit(table, HandMade(rows_of("ch_1"), 1))
    DeltaTable(folder).alter.add_columns([DeltaField("mine", PrimitiveType("string"))])
    for version in (2, 3):
        commit(table, HandMade(rows_of(f"ch_{version}"), version))
    assert ids(table) == ["ch_1", "ch_2", "ch_3"]
    assert pa.table(table.read(["mine"], []))["mine"].to_pylist() == [None] * 3
    assert len([action for action in log_of(folder) if "metaData" in action]) == 2


ADDED = pa.schema([column("is_new", pa.bool_()), column("number", pa.int64()), column("it's", pa.string())])


@contract
def test_added_columns_stand_behind_the_others_with_their_comments(table: Table, folder: Path) -> None:
    commit(table, HandMade(rows_of("ch_1"), 1))
    table.add_columns(Columns(ADDED))  # type: ignore[arg-type]
    metadata = [action["metaData"] for action in log_of(folder) if "metaData" in action][-1]
    fields = json.loads(metadata["schemaString"])["fields"]
    assert [field["name"] for field in fields] == [*SCHEMA.names, *ADDED.names]
    assert all(field["metadata"]["comment"] == f"what {field['name']} says" for field in fields)
    assert [field["nullable"] for field in fields[-3:]] == [True] * 3
    assert [field["type"] for field in fields[-3:]] == ["boolean", "long", "string"]
    assert metadata["configuration"]["delta.appendOnly"] == "true"
    assert table.properties().items() >= PROPERTIES.items()
    rows = pa.table(table.read([*SCHEMA.names, *ADDED.names], []))
    assert rows.to_pylist() == [{**rows_of("ch_1").to_pylist()[0], **dict.fromkeys(ADDED.names)}]
    with_all = pa.schema([*SCHEMA, *ADDED])
    full = pa.table({**rows_of("ch_2").to_pydict(), "is_new": [True], "number": [7], "it's": ["x"]}, with_all)
    commit(table, HandMade(full, 2))
    commit(table, HandMade(rows_of("ch_3"), 3))
    assert ids(table) == ["ch_1", "ch_2", "ch_3"]
    assert ids(table, ("number", "=", 7, "long")) == ["ch_2"]


@contract
def test_columns_that_are_there_are_not_added_again(table: Table, folder: Path) -> None:
    table.add_columns(Columns(pa.schema([ADDED.field("number"), SCHEMA.field("_page_number")])))  # type: ignore[arg-type]
    for _again in range(2):
        table.add_columns(Columns(ADDED))  # type: ignore[arg-type]
    assert pa.schema(table.schema()).names == [*SCHEMA.names, "number", "is_new", "it's"]
    assert len([action for action in log_of(folder) if "metaData" in action]) == 3


@contract
def test_an_append_adds_no_column_to_a_table_that_lacks_it(table: Table, folder: Path) -> None:
    more = rows_of("ch_1").append_column(ADDED.field("number"), pa.array([7]))
    with pytest.raises(CommitUnknownError):
        table.append(HandMade(more, 1))
    assert pa.schema(table.schema()).names == SCHEMA.names
    assert versions(folder) == [0]


@contract
def test_columns_that_cannot_be_added_end_in_one_line(table: Table, lake: Path) -> None:
    shutil.rmtree(lake / table.name)
    with pytest.raises(TableError) as failed:
        table.add_columns(Columns(ADDED))  # type: ignore[arg-type]
    assert table.location in str(failed.value)
    assert "\n" not in str(failed.value)


def add_at(lake: Path, barrier: Any) -> None:
    table = tables_of(lake).table("stripe_charges_raw")
    barrier.wait()
    table.add_columns(Columns(ADDED))  # type: ignore[arg-type]


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_add_the_same_columns_at_once_agree(lake: Path, table: Table, attempt: int) -> None:
    commit(table, HandMade(rows_of("ch_1"), attempt + 1))
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    processes = [spawn.Process(target=add_at, args=(lake, barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert pa.schema(table.schema()).names == [*SCHEMA.names, *ADDED.names]
    assert len([action for action in log_of(lake / table.name) if "metaData" in action]) == 2


@contract
def test_a_table_with_other_columns_is_refused(table: Table) -> None:
    check_schema(table, Columns(SCHEMA))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="has another schema: other columns"):
        check_schema(table, Columns(pa.schema([pa.field("a", pa.string())])))  # type: ignore[arg-type]


@contract
def test_a_table_counts_its_files_and_what_it_cannot_see_is_unknown(table: Table, folder: Path) -> None:
    for version in (1, 2, 3):
        commit(table, HandMade(rows_of(f"ch_{version}"), version))
    size = table.size()
    assert size is not None
    sizes = DeltaTable(folder).get_add_actions()["size_bytes"].to_pylist()
    assert (size.files, size.bytes) == (3, sum(sizes))
    # Spark does not show the checkpoints of the log.
    assert size.log_entries == (None if table.skips_silently else 4)


@contract
def test_a_table_that_is_not_there_has_no_size(tables: Tables) -> None:
    with pytest.raises(TableError):
        tables.table("stripe_charges_raw").size()


@contract
@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "a;b", "é", "x" * 256])
def test_a_table_name_must_be_a_plain_name(tables: Tables, name: str) -> None:
    with pytest.raises(UsageError, match="letters, digits and underscores"):
        tables.table(name)

"""Lakes that version 0.1.0 wrote (tests/lakes) are given the columns of layout 2 by the first run, and no row changes.

Each lake is opened with the simulator's account that it was read from, at its new address.
"""

from __future__ import annotations

import json
import logging
import re
import signal
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from deltalake.table import TableAlterer

from stripe_raw_rs import TableError, UsageError, _core, ingest, status, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child, steps_of
from tests.conftest import KEY, events, landed
from tests.lakes.make import CONNECTED, END, LISTS, OPTIONS, RUNS, account_after
from tests.truth import assert_true

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKPOINTS = "stripe_ingestion_checkpoints"
EVERY_LAKE = pytest.mark.parametrize("name", sorted(LISTS))
_ORIGIN = re.compile(r"http://127\.0\.0\.1:\d+")
SOME_OF_EACH: dict[str, Any] = {**OPTIONS, "commit_interval_seconds": 0}


def unpack(name: str, folder: Path, stripe: StripeSimulator) -> Path:
    """Unpack a lake, as if it had been read from this simulator."""
    with tarfile.open(Path(__file__).with_name("lakes") / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    for entry in folder.glob("*/_delta_log/*.json"):
        entry.write_text(_ORIGIN.sub(stripe.url, entry.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


@pytest.fixture
def stripe(name: str) -> Iterator[StripeSimulator]:
    """The account of the lake `name`, with three more objects in each list."""
    with account_after(name) as simulator:
        add_some(simulator, name)
        yield simulator


@pytest.fixture
def old(name: str, stripe: StripeSimulator, tmp_path: Path) -> Path:
    """The lake `name` as version 0.1.0 left it."""
    return unpack(name, tmp_path / "lake", stripe)


def add_some(stripe: StripeSimulator, name: str) -> None:
    for one in LISTS[name]:
        stripe.add(one, 3, created=END - 500)


def land(lake: Path, stripe: StripeSimulator, name: str, **more: Any) -> None:
    """Make one complete run of each list of each account of the lake."""
    for account in (None, CONNECTED) if name == "two_accounts" else (None,):
        connected = {} if account is None else {"stripe_account": account}
        options = {**OPTIONS, "entities": ",".join(LISTS[name]), **connected, **more}
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **options).raise_for_status()


def files(lake: Path) -> dict[str, bytes]:
    return {str(path.relative_to(lake)): path.read_bytes() for path in lake.rglob("*") if path.is_file()}


def names_of(lake: Path) -> list[str]:
    return sorted(folder.name for folder in lake.iterdir())


def layouts(lake: Path) -> dict[str, str]:
    """The version of the layout that each table states."""
    return {
        name: DeltaTable(lake / name).metadata().configuration["stripe_raw.layout_version"] for name in names_of(lake)
    }


def ours(table: str) -> _core.Schema:
    return _core.checkpoint_schema() if table == CHECKPOINTS else _core.raw_schema()


def lacks(lake: Path, table: str) -> list[str]:
    return ours(table).additions(DeltaTable(lake / table).schema().to_arrow()).names


def findings(lake: Path) -> str:
    """The last line of an audit without findings; else its error is raised."""
    found = verify(lake=lake)
    found.raise_for_status()
    return str(found).splitlines()[-1]


def states(lake: Path) -> dict[str, str]:
    return {one.label: one.state for row in status(lake=lake) for one in row.accounts}


def assert_upgraded(lake: Path, stripe: StripeSimulator, name: str) -> None:
    """Check that all tables have all columns, with their comments, and that everything has landed exactly once."""
    for table in names_of(lake):
        opened = DeltaTable(lake / table)
        comments = {field.name: field.metadata.get("comment") for field in opened.schema().fields}
        expected = {field.name: field.metadata[b"comment"].decode() for field in pa.schema(ours(table))}
        assert comments == expected
        assert ours(table).difference(opened.schema().to_arrow()) is None
        configuration = opened.metadata().configuration
        assert configuration["stripe_raw.layout_version"] == _core.LAYOUT_VERSION
        assert configuration["delta.appendOnly"] == "true"
    for one in LISTS[name]:
        assert_true(lake, stripe, one)
    assert set(states(lake).values()) == {"complete"}


@EVERY_LAKE
def test_a_run_gives_an_old_lake_its_columns_and_lands_everything_once(
    old: Path, stripe: StripeSimulator, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert set(layouts(old).values()) == {"1"}
    assert all(lacks(old, table) for table in names_of(old))
    assert findings(old) == "no findings"
    before = {one: landed(old, one).num_rows for one in LISTS[name]}
    land(old, stripe, name)
    assert_upgraded(old, stripe, name)
    for table in names_of(old):
        assert caplog.text.count(f"table '{old / table}' now has the columns of layout 2") == 1
    for one in LISTS[name]:
        rows = landed(old, one, "_source").to_pylist()
        assert rows.count({"_source": None}) == before[one], "rows that were there stay as they were"
        assert rows.count({"_source": "list"}) == len(rows) - before[one] > 0


@EVERY_LAKE
def test_an_upgraded_lake_is_not_upgraded_again(
    old: Path, stripe: StripeSimulator, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    land(old, stripe, name)
    metadata = metadata_changes(old)
    caplog.set_level(logging.INFO)
    land(old, stripe, name)
    assert "columns of layout" not in caplog.text
    assert metadata_changes(old) == metadata
    assert_upgraded(old, stripe, name)


def metadata_changes(lake: Path) -> int:
    entries = [line for file in lake.glob("*/_delta_log/*.json") for line in file.read_text().splitlines()]
    return sum("metaData" in json.loads(entry) for entry in entries)


@EVERY_LAKE
def test_readers_change_nothing_in_an_old_lake(old: Path, stripe: StripeSimulator, name: str) -> None:
    before = files(old)
    assert stripe.requests == 0
    expected = "unfinished" if name == "unfinished" else "complete"
    assert set(states(old).values()) == {expected}
    assert findings(old) == "no findings"
    assert files(old) == before


@pytest.mark.parametrize("name", ["whole"])
def test_a_lake_that_is_upgraded_in_part_can_be_read_and_is_upgraded_on(
    old: Path, stripe: StripeSimulator, name: str
) -> None:
    land(old, stripe, name, entities="refunds")
    is_new = {CHECKPOINTS, "stripe_refunds_raw"}
    assert layouts(old) == {table: "2" if table in is_new else "1" for table in names_of(old)}
    before = files(old)
    assert set(states(old).values()) == {"complete"}
    assert findings(old) == "no findings"
    assert files(old) == before
    land(old, stripe, name)
    assert_upgraded(old, stripe, name)


@pytest.mark.parametrize("name", ["whole"])
@pytest.mark.parametrize("table", [CHECKPOINTS, "stripe_charges_raw"])
def test_a_table_that_states_the_layout_but_lacks_its_columns_is_given_them(
    old: Path, stripe: StripeSimulator, name: str, table: str
) -> None:
    DeltaTable(old / table).alter.set_table_properties({"stripe_raw.layout_version": "2"}, raise_if_not_exists=False)
    assert findings(old) == "no findings"
    land(old, stripe, name)
    assert_upgraded(old, stripe, name)


@pytest.mark.parametrize("name", ["unfinished"])
def test_a_run_that_version_0_1_0_left_unfinished_is_completed(old: Path, stripe: StripeSimulator, name: str) -> None:
    rows = landed(old, "charges", "_ingest_run_id, _page_number").to_pylist()
    named = {(event["run_id"], event["page_number"]) for event in events(old, "event_type = 'PAGE_COMMITTED'")}
    orphans = {(row["_ingest_run_id"], row["_page_number"]) for row in rows} - named
    assert len(orphans) == 1, "the rows of one page have no event"
    (begun, *_) = [event["run_id"] for event in events(old, "event_type = 'RUN_STARTED' AND epoch = 2")]
    land(old, stripe, name)
    completed = [event["run_id"] for event in events(old, "event_type = 'RUN_COMPLETED'")]
    assert completed[1] == begun
    assert len(completed) == RUNS[name] + 1, "the old run is completed, then the next one begins"
    recovered = events(old, f"event_type = 'PAGE_COMMITTED' AND run_id = '{begun}'")
    assert orphans <= {(event["run_id"], event["page_number"]) for event in recovered}
    assert_upgraded(old, stripe, name)


@pytest.mark.parametrize("name", ["unfinished"])
@pytest.mark.parametrize("give_up", ["restart", "scratch"])
def test_a_run_that_version_0_1_0_left_unfinished_can_be_given_up(
    old: Path, stripe: StripeSimulator, name: str, give_up: str
) -> None:
    land(old, stripe, name, give_up=give_up)
    assert set(layouts(old).values()) == {"2"}
    assert findings(old) == "no findings"
    assert set(landed(old, "charges")["_stripe_id"].to_pylist()) == set(stripe.ids("charges"))


@pytest.mark.parametrize("name", ["whole"])
def test_a_key_of_another_account_changes_nothing_in_an_old_lake(old: Path, stripe: StripeSimulator, name: str) -> None:
    with StripeSimulator(seed=99, objects=30) as other:
        before = files(old)
        with pytest.raises(UsageError, match="belongs to server"):
            land(old, other, name)
        assert files(old) == before
    assert stripe.requests == 0


@pytest.mark.parametrize("name", ["whole"])
def test_a_key_whose_account_shows_only_in_its_objects_changes_nothing_in_an_old_lake(
    tmp_path: Path, name: str
) -> None:
    with StripeSimulator(seed=99, counts=dict.fromkeys(LISTS[name], 30), denied=["account"]) as other:
        lake = unpack(name, tmp_path / "lake", other)
        before = files(lake)
        with pytest.raises(UsageError, match="belongs to"):
            land(lake, other, name)
        assert files(lake) == before


@pytest.mark.parametrize("name", ["whole"])
@pytest.mark.parametrize(
    ("table", "column", "error"),
    [(CHECKPOINTS, "run_id", UsageError), ("stripe_charges_raw", "_page_number", TableError)],
)
def test_an_old_table_whose_owner_renamed_a_column_is_refused_and_left_alone(
    old: Path, stripe: StripeSimulator, table: str, column: str, error: type[Exception]
) -> None:
    rename_column(old / table, column)
    before = {file: text for file, text in files(old).items() if file.startswith(table)}
    with pytest.raises(error, match=f"has another schema: column '{column}' is missing; mend the column"):
        land(old, stripe, "whole")
    assert {file: text for file, text in files(old).items() if file.startswith(table)} == before


def rename_column(table: Path, column: str) -> None:
    """Give a column another name in the table's log, as an owner's rewrite of the table would."""
    for entry in sorted(table.glob("_delta_log/*.json")):
        text = entry.read_text(encoding="utf-8")
        entry.write_text(text.replace(f'\\"name\\":\\"{column}\\"', f'\\"name\\":\\"{column}_of_mine\\"'))


@pytest.mark.parametrize("name", ["whole"])
@pytest.mark.parametrize("table", [CHECKPOINTS, "stripe_charges_raw"])
@pytest.mark.parametrize("change", ["add_columns", "set_table_properties"])
def test_an_upgrade_that_fails_ends_in_one_line_and_the_next_run_makes_it(  # noqa: PLR0913, PLR0917 - fixtures
    old: Path, stripe: StripeSimulator, name: str, table: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(TableAlterer, change)

    def full(alterer: TableAlterer, *given: Any, **named: Any) -> None:
        if alterer.table.table_uri.rstrip("/").endswith(table):
            message = "the disk\nis full"
            raise DeltaError(message)
        real(alterer, *given, **named)

    before = landed(old, "charges").num_rows
    what = "columns" if change == "add_columns" else "properties"
    said = f"table '{old / table}' cannot be given its {what}: the disk is full"
    with monkeypatch.context() as patch:
        patch.setattr(TableAlterer, change, full)
        with pytest.raises(TableError, match=said):
            land(old, stripe, name, entities="charges")
    assert landed(old, "charges").num_rows == before
    assert findings(old) == "no findings"
    land(old, stripe, name)
    assert_upgraded(old, stripe, name)


def upgrade_steps(steps: list[str]) -> list[str]:
    return [step.partition(" ")[2] for step in steps if step.startswith("after ") and "append" not in step]


@EVERY_LAKE
def test_the_checkpoint_table_comes_first_and_each_table_has_its_columns_before_its_rows(
    old: Path, stripe: StripeSimulator, name: str
) -> None:
    steps = steps_of(old, stripe, **{**SOME_OF_EACH, "entities": LISTS[name][0]})
    raw = f"stripe_{LISTS[name][0]}_raw"
    assert upgrade_steps(steps)[:6] == [
        f"create {CHECKPOINTS}",
        f"add columns {CHECKPOINTS}",
        f"set properties {CHECKPOINTS}",
        f"create {raw}",
        f"add columns {raw}",
        f"set properties {raw}",
    ]
    assert next(step for step in steps if "append" in step) == f"before append {CHECKPOINTS}"
    assert steps.index(f"before append {CHECKPOINTS}") > steps.index(f"after set properties {raw}")


@pytest.mark.parametrize("name", [pytest.param("whole", marks=pytest.mark.kill), "unfinished"])
def test_a_kill_at_any_step_of_the_upgrade_leaves_the_rest_to_the_next_run(
    stripe: StripeSimulator, tmp_path: Path, name: str
) -> None:
    options = {**SOME_OF_EACH, "entities": "charges"}
    steps = steps_of(unpack(name, tmp_path / "counted", stripe), stripe, **options)
    last = steps.index("after set properties stripe_charges_raw") + 1
    for step in range(1, last + 3):
        lake = unpack(name, tmp_path / f"lake{step}", stripe)
        with Child(lake, stripe, step, "SIGKILL", **options) as child:
            assert child.ended() == -signal.SIGKILL
        before = files(lake)
        assert findings(lake) == "no findings", steps[step - 1]
        assert states(lake)
        assert files(lake) == before
        land(lake, stripe, name)
        assert_upgraded(lake, stripe, name)


@pytest.mark.parametrize("name", ["unfinished"])
@pytest.mark.kill
def test_a_kill_at_any_step_of_the_first_run_neither_loses_nor_doubles_an_object(
    stripe: StripeSimulator, tmp_path: Path, name: str
) -> None:
    options = {**SOME_OF_EACH, "entities": "charges"}
    steps = steps_of(unpack(name, tmp_path / "counted", stripe), stripe, **options)
    for step in range(1, len(steps) + 1):
        lake = unpack(name, tmp_path / f"lake{step}", stripe)
        with Child(lake, stripe, step, "SIGKILL", **options) as child:
            assert child.ended() == -signal.SIGKILL
        land(lake, stripe, name)
        assert_upgraded(lake, stripe, name)


@pytest.mark.parametrize("name", ["whole"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
def test_a_process_that_stands_still_in_the_upgrade_finds_the_work_done_by_another(
    old: Path, stripe: StripeSimulator, name: str, step: int
) -> None:
    """It stands still just before or after each change, so it has seen the lake as it was before the other's work."""
    options = {**SOME_OF_EACH, "entities": "charges", "owner": "late/1"}
    with Child(old, stripe, step, "SIGSTOP", **options) as late:
        assert late.stands_still()
        land(old, stripe, name)
        late.go_on()
        assert late.ended() in {0, 75}, late.said
    assert metadata_changes(old) <= 3 * len(names_of(old)) + 2
    assert_upgraded(old, stripe, name)


@pytest.mark.parametrize("name", ["whole"])
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_that_upgrade_at_once_all_end_well(
    stripe: StripeSimulator, tmp_path: Path, name: str, processes: int
) -> None:
    for number in range(3):
        lake = unpack(name, tmp_path / f"lake{number}", stripe)
        with ExitStack() as stack:
            options = {**SOME_OF_EACH, "entities": ",".join(LISTS[name])}
            owners = [f"owner{at}/1" for at in range(processes)]
            children = [stack.enter_context(Child(lake, stripe, **{**options, "owner": owner})) for owner in owners]
            ends = [child.ended() for child in children]
            assert set(ends) <= {0, 75}, [child.said for child in children]
            said = [line for child in children for line in child.said]
            assert all("holds run" in line or "took over" in line for line in said), said
        land(lake, stripe, name)
        assert_upgraded(lake, stripe, name)


@pytest.mark.parametrize("name", ["whole"])
def test_files_of_both_layouts_are_written_together(old: Path, stripe: StripeSimulator, name: str) -> None:
    stripe.add("charges", 260, created=END - 400)
    land(old, stripe, name, commit_interval_seconds=0, lookback_seconds=0)
    assert len(DeltaTable(old / "stripe_charges_raw").file_uris()) < 5, "it was maintained"
    land(old, stripe, name)
    assert_upgraded(old, stripe, name)

"""A lake keeps itself in order: many small files become few, the log gets short, and no row changes."""

from __future__ import annotations

import multiprocessing
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from stripe_raw_rs import ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, assert_whole
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKPOINTS = "stripe_ingestion_checkpoints"
RAW = "stripe_charges_raw"
# A commit for each page of one object.
IN_MANY_COMMITS: dict[str, Any] = {"entities": "charges", "page_size": 1, "commit_interval_seconds": 0}


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with StripeSimulator(counts={"charges": 70, "refunds": 1}) as stripe:
        yield stripe


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> None:
    ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **{**IN_MANY_COMMITS, **options}).raise_for_status()


def rows(lake: Path, name: str) -> pa.Table:
    table = pa.table(DeltaTable(lake / name).to_pyarrow_table())
    return table.sort_by([(column, "ascending") for column in table.schema.names[:12] if column != "_raw_json"])


def files(lake: Path, name: str) -> int:
    return len(DeltaTable(lake / name).file_uris())


def test_many_small_files_become_one_and_no_row_changes(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, maintenance="no")
    before = {name: rows(lake, name) for name in (CHECKPOINTS, RAW)}
    assert all(files(lake, name) >= 70 for name in before)
    land(lake, stripe, entities="refunds")
    assert files(lake, CHECKPOINTS) < 8
    assert files(lake, RAW) == 70, "a run looks after the tables that it writes"
    land(lake, stripe)
    assert files(lake, RAW) < 8
    first = before[RAW]["_ingest_run_id"][0]
    after = rows(lake, RAW)
    assert after.filter(pc.equal(after["_ingest_run_id"], first)).equals(before[RAW])
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_run_goes_on_after_its_tables_were_maintained(lake: Path, stripe: StripeSimulator) -> None:
    with pytest.raises(Exception, match="max_requests"):
        land(lake, stripe, max_requests=65)
    assert files(lake, CHECKPOINTS) < 8
    assert files(lake, RAW) < 8
    land(lake, stripe)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_the_log_gets_a_checkpoint_when_many_commits_have_gathered(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    for name in (CHECKPOINTS, RAW):
        assert (lake / name / "_delta_log" / "_last_checkpoint").exists()
    land(lake, stripe)
    assert_whole(lake, stripe, "charges")


def test_a_table_with_few_files_is_left_as_it_is(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, page_size=100)
    versions = {name: DeltaTable(lake / name).version() for name in (CHECKPOINTS, RAW)}
    for name in versions:
        assert tables_of(lake).table(name).maintain() is None
    assert {name: DeltaTable(lake / name).version() for name in versions} == versions


def test_payloads_have_no_statistics_after_compaction(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    actions = pa.table(DeltaTable(lake / RAW).get_add_actions(flatten=True))
    assert any(name.startswith("max.") for name in actions.schema.names)
    assert not [name for name in actions.schema.names if name.endswith("_raw_json")]


def test_a_table_that_cannot_be_maintained_is_a_warning(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_table: DeltaTable, _folder: Path) -> None:
        message = "the disk is full"
        raise OSError(message)

    monkeypatch.setattr("stripe_raw_rs.tables.delta_rs.table.maintain", fails)
    land(lake, stripe)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2
    assert all("the next run maintains table" in line and "the disk is full" in line for line in warnings)


def test_rivals_append_while_the_table_is_maintained(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, maintenance="no")
    done = threading.Event()
    faults: list[BaseException] = []

    def maintain_again_and_again() -> None:
        try:
            while not done.is_set():
                # Table objects of their own, as another process has them.
                for name in (CHECKPOINTS, RAW):
                    tables_of(lake).table(name).maintain()
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    thread = threading.Thread(target=maintain_again_and_again)
    thread.start()
    try:
        stripe.add("charges", 30)
        land(lake, stripe, maintenance="no")
    finally:
        done.set()
        thread.join()
    assert faults == []
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def maintain_at(lake: Path, name: str, barrier: Any) -> None:
    table = tables_of(lake).table(name)
    barrier.wait()
    table.maintain()


def test_processes_that_maintain_a_table_at_once_change_no_row(lake: Path, stripe: StripeSimulator) -> None:
    """delta-rs lets both of two compactions land; then each row is there twice."""
    land(lake, stripe, maintenance="no")
    before = {name: rows(lake, name) for name in (CHECKPOINTS, RAW)}
    spawn = multiprocessing.get_context("spawn")
    for name in before:
        barrier = spawn.Barrier(3)
        processes = [spawn.Process(target=maintain_at, args=(lake, name, barrier)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert files(lake, name) < 8
    assert {name: rows(lake, name) for name in before} == before
    verify(tables=tables_of(lake)).raise_for_status()

"""No run goes on with a raw table that has lost commits, by a power loss or by an older backup that was put back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest

from stripe_raw_rs import BudgetError, PermissionMissingError, TableError, ingest, verify
from stripe_raw_rs.state_store import StateStore
from tests.conftest import KEY, assert_whole, erase, events, landed, tamper
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from deltalake import DeltaTable

    from stripe_raw_rs.simulator import StripeSimulator
    from stripe_raw_rs.tables import Table

contract = pytest.mark.contract

RAW = "stripe_charges_raw"
CHECKPOINTS = "stripe_ingestion_checkpoints"


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> None:
    """Land one page after the other, with a commit for each."""
    each: dict[str, Any] = {"entities": "charges", "commit_interval_seconds": 0, "max_concurrent_requests": 1}
    report = ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **{**each, **options})
    report.raise_for_status()


def begin(lake: Path, stripe: StripeSimulator) -> None:
    with pytest.raises(BudgetError):
        land(lake, stripe, max_requests=4)
    assert events(lake, "event_type = 'RUN_FAILED'")


def commits(lake: Path, name: str = RAW) -> list[Path]:
    return sorted((lake / name / "_delta_log").glob("*.json"))


def make_empty(file: Path) -> None:
    file.write_bytes(b"")


LOSSES = pytest.mark.parametrize("lose", [make_empty, Path.unlink], ids=["is empty", "is gone"])


def contents(lake: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}


def refused(lake: Path, stripe: StripeSimulator, **options: Any) -> str:
    """The message of a run that writes nothing, not even that it began."""
    before = contents(lake)
    with pytest.raises(TableError) as error:
        land(lake, stripe, **options)
    assert contents(lake) == before
    assert error.value.exit_code == 1
    line = str(error.value)
    empty = [file.name for file in commits(lake) if not file.read_bytes()]
    cause = f" (its commit file '_delta_log/{empty[0]}' is empty)" if empty else ""
    said = f"are lost{cause}: it lacks rows that the checkpoint table records; "
    assert line.startswith(f"charges: commits of table '{lake / RAW}' {said}")
    return line


@LOSSES
@pytest.mark.parametrize("count", [1, 3])
def test_lost_commits_of_an_unfinished_run_are_noticed_and_read_again_on_request(
    lake: Path, stripe: StripeSimulator, lose: Callable[[Path], None], count: int
) -> None:
    begin(lake, stripe)
    for file in commits(lake)[-count:]:
        lose(file)
    (run_id,) = {event["run_id"] for event in events(lake)}
    for _ in range(2):
        line = refused(lake, stripe)
        assert line.endswith(
            f'; restore it from a backup, or give run {run_id} up with give_up="restart", which reads its window again'
        )
    land(lake, stripe, give_up="restart")
    assert_whole(lake, stripe, "charges")
    land(lake, stripe)


@LOSSES
def test_lost_commits_of_a_complete_run_are_noticed_and_land_again_on_request(
    lake: Path, stripe: StripeSimulator, lose: Callable[[Path], None]
) -> None:
    land(lake, stripe)
    lose(commits(lake)[-1])
    for options in ({}, {"give_up": "restart"}):
        line = refused(lake, stripe, **options)
        assert line.endswith('; restore it from a backup, or land everything again with give_up="scratch"')
    land(lake, stripe, give_up="scratch")
    assert_whole(lake, stripe, "charges")
    land(lake, stripe)


@LOSSES
def test_a_run_goes_on_from_a_commit_that_is_restored(
    lake: Path, stripe: StripeSimulator, lose: Callable[[Path], None]
) -> None:
    begin(lake, stripe)
    file = commits(lake)[-1]
    kept = file.read_bytes()
    lose(file)
    refused(lake, stripe)
    file.write_bytes(kept)
    land(lake, stripe)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_table_that_was_put_back_from_an_older_backup_is_noticed(
    lake: Path, stripe: StripeSimulator, tmp_path: Path
) -> None:
    land(lake, stripe)
    shutil.copytree(lake / RAW, tmp_path / "backup")
    stripe.add("charges", 150)
    land(lake, stripe)
    shutil.rmtree(lake / RAW)
    (tmp_path / "backup").rename(lake / RAW)
    assert 'give_up="scratch"' in refused(lake, stripe)


@LOSSES
def test_a_lost_commit_without_rows_loses_nothing(
    lake: Path, stripe: StripeSimulator, lose: Callable[[Path], None]
) -> None:
    begin(lake, stripe)
    before = len(commits(lake))
    # This attempt commits only the fence.
    stripe.set_faults("status=403@charges:p1")
    with pytest.raises(PermissionMissingError):
        land(lake, stripe)
    stripe.reset_faults()
    assert len(commits(lake)) == before + 1
    lose(commits(lake)[-1])
    land(lake, stripe)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


@LOSSES
def test_giving_up_the_latest_run_does_not_bring_back_lost_rows_of_an_earlier_one(
    lake: Path, stripe: StripeSimulator, lose: Callable[[Path], None]
) -> None:
    land(lake, stripe)
    rows = len(commits(lake)) - 1
    stripe.add("charges", 250)
    with pytest.raises(BudgetError):
        land(lake, stripe, max_requests=1)
    for file in commits(lake)[rows:]:
        lose(file)
    assert refused(lake, stripe).endswith('or land everything again with give_up="scratch"')
    land(lake, stripe, give_up="scratch")
    assert_whole(lake, stripe, "charges")


@LOSSES
def test_a_lost_commit_that_no_event_names_is_read_again(
    lake: Path, stripe: StripeSimulator, lose: Callable[[Path], None]
) -> None:
    begin(lake, stripe)
    # The failure and the page before it are removed, as if the process had died between its two appends.
    for file in commits(lake, CHECKPOINTS)[-2:]:
        file.unlink()
    lose(commits(lake)[-1])
    land(lake, stripe)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_copy_of_the_rows_without_its_transactions_is_judged_by_its_rows(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    tamper(lake, RAW, lambda rows: rows)
    stripe.add("charges", 3)
    land(lake, stripe)
    newest = max(event["run_id"] for event in events(lake))
    tamper(lake, RAW, lambda rows: rows.filter(pc.not_equal(rows["_ingest_run_id"], newest)))
    refused(lake, stripe)


@contract
def test_rows_that_their_owner_erased_are_not_taken_for_lost_commits(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    (new,) = stripe.add("charges", 1)
    land(lake, stripe, lookback_seconds=0)
    newest = max(event["run_id"] for event in events(lake))
    erase(lake, f"_ingest_run_id = '{newest}'")
    stripe.delete("charges", new)
    land(lake, stripe, lookback_seconds=0)
    assert newest not in landed(lake, "charges", "_ingest_run_id").column(0).to_pylist()


@contract
def test_a_table_shows_whether_it_still_holds_the_rows_that_events_name(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)

    def kept() -> str:
        tables = tables_of(lake)
        state = StateStore(tables, None)
        promise = state.latest_run("charges", None).promise(state.store_id)
        assert promise is not None
        table: Table = tables.table(RAW)
        return table.kept(promise)

    assert kept() == "all"
    erase(lake, "_page_number > 1")
    assert kept() == "all"
    erase(lake, "true")
    assert kept() == "none"


def test_the_check_costs_no_read_of_rows(lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    # Importing them needs the library.
    from stripe_raw_rs.tables.delta_rs import select as delta_select  # noqa: PLC0415
    from stripe_raw_rs.tables.delta_rs import table as delta_table  # noqa: PLC0415

    land(lake, stripe)
    calls: list[str] = []
    select, load = delta_select.select, delta_table.DeltaRsTable._load  # noqa: SLF001 - to be counted

    def counted_select(table: DeltaTable, *arguments: Any, **more: Any) -> Any:
        calls.append(f"read {Path(table.table_uri).name} {more}")
        return select(table, *arguments, **more)

    def counted_load(table: delta_table.DeltaRsTable) -> DeltaTable:
        calls.append(f"load {table.name}")
        return load(table)

    monkeypatch.setattr(delta_table, "select", counted_select)
    monkeypatch.setattr(delta_table.DeltaRsTable, "_load", counted_load)
    land(lake, stripe, lookback_seconds=0)
    of_raw = [call for call in calls if RAW in call]
    # The loads are for its columns, its properties, its remaining rows, its demands on a writer, its newest rows, and
    # its upkeep.
    assert of_raw.count(f"load {RAW}") == 6
    # What is read are the newest rows, which may be listed again.
    assert [call for call in of_raw if "read" in call] == [f"read {RAW} {{'limit': None}}"]

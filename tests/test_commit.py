"""Committing: compare-and-swap between writers, and answers that get lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from stripe_raw_rs import commit as committing
from stripe_raw_rs.commit import commit
from stripe_raw_rs.exceptions import FencedError, TableError
from stripe_raw_rs.tables import CommitUnknownError, delta_rs
from stripe_raw_rs.tables.delta_rs import DeltaRsTable, DeltaRsTables
from tests.conftest import HandMade, ids, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_fence_is_a_commit_without_rows(table: DeltaRsTable) -> None:
    fence = HandMade(rows_of(), 7)
    commit(table, fence)
    assert DeltaTable(table.location).transaction_version("app") == 7
    assert table.outcome(fence) == "landed"
    assert ids(table) == []


@pytest.mark.parametrize("round_", range(3))
def test_of_eight_writers_one_wins(lake: Path, table: DeltaRsTable, round_: int) -> None:
    # Each thread has its own lake object, so that no lock of ours stands between them, only Delta's own check.
    barrier = threading.Barrier(8)

    def write(number: int) -> bool:
        mine = DeltaRsTables(lake).table(table.name)
        barrier.wait()
        try:
            commit(mine, HandMade(rows_of(f"ch_{number}"), round_ + 1))
        except FencedError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(write, range(8)))
    assert won.count(True) == 1
    assert ids(table) == [f"ch_{won.index(True)}"]


def test_writers_of_different_entities_do_not_fence_each_other(lake: Path, table: DeltaRsTable) -> None:
    def write(number: int) -> None:
        mine = DeltaRsTables(lake).table(table.name)
        for version in range(1, 6):
            commit(mine, HandMade(rows_of(f"ch_{number}_{version}"), version, app_id=f"app/{number}"))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))
    assert len(ids(table)) == 30


def test_repeating_an_own_commit_changes_nothing(table: DeltaRsTable) -> None:
    mine = HandMade(rows_of("ch_1"), 1)
    commit(table, mine)
    commit(table, HandMade(rows_of("ch_2"), 2))
    commit(table, mine)
    assert ids(table) == ["ch_1", "ch_2"]


@pytest.mark.parametrize("version", [3, 4])
def test_a_version_that_is_taken_is_refused(table: DeltaRsTable, version: int) -> None:
    commit(table, HandMade(rows_of("ch_1"), 4))
    late = HandMade(rows_of("ch_late"), version)
    assert table.outcome(late) == "superseded"
    with pytest.raises(FencedError, match="another process took over in table 'stripe_charges_raw'"):
        commit(table, late)
    assert ids(table) == ["ch_1"]


class Faulty:
    """delta-rs' own write, with the answer lost, or never begun, a number of times."""

    def __init__(self, write: Callable[..., None], *, times: int, landing: bool) -> None:
        self.calls = 0
        self._write = write
        self._times = times
        self._landing = landing

    def __call__(self, *arguments: Any, **options: Any) -> None:
        self.calls += 1
        if self.calls > self._times or self._landing:
            self._write(*arguments, **options)
        if self.calls <= self._times:
            message = "the connection broke\nin the middle"
            raise OSError(message)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Faulty]:
    monkeypatch.setattr(committing, "_WAITS", (0, 0, 0))

    def install(**options: Any) -> Faulty:
        fault = Faulty(write_deltalake, **options)
        monkeypatch.setattr(delta_rs, "write_deltalake", fault)
        return fault

    return install


def test_a_commit_that_landed_unseen_is_not_repeated(table: DeltaRsTable, faulty: Callable[..., Faulty]) -> None:
    fault = faulty(times=1, landing=True)
    commit(table, HandMade(rows_of("ch_1"), 1))
    assert (fault.calls, ids(table)) == (1, ["ch_1"])


def test_a_commit_that_did_not_land_is_repeated(table: DeltaRsTable, faulty: Callable[..., Faulty]) -> None:
    fault = faulty(times=2, landing=False)
    commit(table, HandMade(rows_of("ch_1"), 1))
    assert (fault.calls, ids(table)) == (3, ["ch_1"])


def test_a_commit_that_never_lands_is_an_error(table: DeltaRsTable, faulty: Callable[..., Faulty]) -> None:
    faulty(times=100, landing=False)
    with pytest.raises(TableError, match="the connection broke in the middle; nothing of this commit is stored"):
        commit(table, HandMade(rows_of("ch_1"), 1))
    assert ids(table) == []


def test_a_writer_taken_over_while_its_answer_was_lost_stops(
    lake: Path, table: DeltaRsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_arguments: Any, **_options: Any) -> None:
        monkeypatch.setattr(delta_rs, "write_deltalake", write_deltalake)
        commit(DeltaRsTables(lake).table(table.name), HandMade(rows_of("ch_other"), 1 << 32))
        message = "no answer"
        raise OSError(message)

    monkeypatch.setattr(delta_rs, "write_deltalake", overtaken)
    with pytest.raises(FencedError):
        commit(table, HandMade(rows_of("ch_mine"), 1))
    assert ids(table) == ["ch_other"]


def test_a_table_that_vanished_is_an_error(tables: DeltaRsTables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "_WAITS", (0,))
    missing = tables.table("stripe_refunds_raw")
    with pytest.raises(CommitUnknownError):
        missing.append(HandMade(rows_of("re_1"), 1))
    with pytest.raises(TableError, match="outcome is unknown"):
        commit(missing, HandMade(rows_of("re_1"), 1))
    with pytest.raises(TableError, match="does not exist"):
        missing.read(None, [])


def test_null_where_none_may_be_is_refused(table: DeltaRsTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "_WAITS", (0,))
    holes = rows_of("ch_1").set_column(0, "_stripe_id", pa.array([None], pa.string()))
    with pytest.raises(TableError, match="nothing of this commit is stored"):
        commit(table, HandMade(holes, 1))
    assert ids(table) == []

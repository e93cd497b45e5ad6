"""Commits: compare-and-swap between writers, and answers that get lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from stripe_raw_rs import commit as committing
from stripe_raw_rs.commit import commit
from stripe_raw_rs.exceptions import FencedError, TableError
from stripe_raw_rs.tables import CommitUnknownError
from tests.conftest import HandMade, ids, rows_of
from tests.places import tables_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs.tables import Table, Tables

pytestmark = pytest.mark.contract


def test_a_fence_is_a_commit_without_rows(lake: Path, table: Table) -> None:
    fence = HandMade(rows_of(), 7)
    commit(table, fence)
    assert DeltaTable(lake / table.name).transaction_version("app") == 7
    assert table.outcome(fence) == "landed"
    assert ids(table) == []


@pytest.mark.parametrize("round_", range(3))
def test_one_of_eight_writers_wins(lake: Path, table: Table, round_: int) -> None:
    # Each thread has its own lake object, so that no lock of ours is between them, only Delta's own check.
    barrier = threading.Barrier(8)

    def write(number: int) -> bool:
        mine = tables_of(lake).table(table.name)
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


def test_writers_of_different_entities_do_not_fence_each_other(lake: Path, table: Table) -> None:
    versions = 2 if table.skips_silently else 5

    def write(number: int) -> None:
        mine = tables_of(lake).table(table.name)
        for version in range(1, 1 + versions):
            commit(mine, HandMade(rows_of(f"ch_{number}_{version}"), version, app_id=f"app/{number}"))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))
    assert len(ids(table)) == 6 * versions


def test_repeating_an_own_commit_changes_nothing(table: Table) -> None:
    mine = HandMade(rows_of("ch_1"), 1)
    commit(table, mine)
    commit(table, HandMade(rows_of("ch_2"), 2))
    commit(table, mine)
    assert ids(table) == ["ch_1", "ch_2"]


@pytest.mark.parametrize("version", [3, 4])
def test_a_version_that_is_taken_is_refused(table: Table, version: int) -> None:
    commit(table, HandMade(rows_of("ch_1"), 4))
    late = HandMade(rows_of("ch_late"), version)
    assert table.outcome(late) == ("absent" if table.skips_silently else "superseded")
    with pytest.raises(FencedError, match="another process took over in table 'stripe_charges_raw'"):
        commit(table, late)
    assert ids(table) == ["ch_1"]


def test_a_writer_that_goes_on_sees_the_later_commits_of_others(lake: Path, table: Table) -> None:
    commit(table, HandMade(rows_of("ch_1"), 1))
    commit(tables_of(lake).table(table.name), HandMade(rows_of("ch_other"), 1 << 32))
    with pytest.raises(FencedError):
        commit(table, HandMade(rows_of("ch_2"), 2))
    commit(table, HandMade(rows_of("ch_3"), 2 << 32))
    assert ids(table) == ["ch_1", "ch_3", "ch_other"]


def writing(table: Table) -> tuple[Any, str]:
    """The place where the library's own writing is called: the object, and its attribute."""
    if table.skips_silently:
        return type(table), "_write"
    from stripe_raw_rs.tables.delta_rs import commit as delta_commit  # noqa: PLC0415 - the table's own module

    return delta_commit, "write_deltalake"


class Faulty:
    """The library's own writing; a number of times its answer is lost, or it does not begin."""

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
def faulty(table: Table, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Faulty]:
    monkeypatch.setattr(committing, "_WAITS", (0, 0, 0))
    owner, name = writing(table)

    def install(**options: Any) -> Faulty:
        fault = Faulty(getattr(owner, name), **options)

        # A function becomes a method if its owner is a class; an object that can be called does not.
        def write(*arguments: Any, **rest: Any) -> None:
            fault(*arguments, **rest)

        monkeypatch.setattr(owner, name, write)
        return fault

    return install


def test_a_commit_that_landed_unseen_is_not_repeated(table: Table, faulty: Callable[..., Faulty]) -> None:
    fault = faulty(times=1, landing=True)
    commit(table, HandMade(rows_of("ch_1"), 1))
    assert (fault.calls, ids(table)) == (1, ["ch_1"])


def test_a_commit_that_did_not_land_is_repeated(table: Table, faulty: Callable[..., Faulty]) -> None:
    fault = faulty(times=2, landing=False)
    commit(table, HandMade(rows_of("ch_1"), 1))
    assert (fault.calls, ids(table)) == (3, ["ch_1"])


def test_a_commit_that_never_lands_is_an_error(table: Table, faulty: Callable[..., Faulty]) -> None:
    faulty(times=100, landing=False)
    with pytest.raises(TableError, match=r"the connection broke.*; nothing of this commit is stored"):
        commit(table, HandMade(rows_of("ch_1"), 1))
    assert ids(table) == []


def test_a_writer_stops_if_it_was_taken_over_while_its_answer_was_lost(
    lake: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = writing(table)
    write = getattr(owner, name)

    def overtaken(*_arguments: Any, **_options: Any) -> None:
        monkeypatch.setattr(owner, name, write)
        commit(tables_of(lake).table(table.name), HandMade(rows_of("ch_other"), 1 << 32))
        message = "no answer"
        raise OSError(message)

    monkeypatch.setattr(owner, name, overtaken)
    with pytest.raises(FencedError):
        commit(table, HandMade(rows_of("ch_mine"), 1))
    assert ids(table) == ["ch_other"]


def test_a_commit_to_a_table_that_vanished_is_an_error(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "_WAITS", (0,))
    missing = tables.table("stripe_refunds_raw")
    with pytest.raises(CommitUnknownError):
        missing.append(HandMade(rows_of("re_1"), 1))
    with pytest.raises(TableError, match="outcome is unknown"):
        commit(missing, HandMade(rows_of("re_1"), 1))
    with pytest.raises(TableError, match="does not exist"):
        missing.read(["_stripe_id"], [])


def test_a_null_that_is_not_allowed_is_refused(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "_WAITS", (0,))
    holes = rows_of("ch_1").set_column(0, "_stripe_id", pa.array([None], pa.string()))
    with pytest.raises(TableError, match="nothing of this commit is stored"):
        commit(table, HandMade(holes, 1))
    assert ids(table) == []

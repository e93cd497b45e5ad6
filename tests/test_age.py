"""A run costs what is new, however old the lake is: commits, files and log entries are counted, nothing is timed."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from deltalake import DeltaTable, QueryBuilder

from stripe_raw_rs import ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.table_size import sizes
from tests.aged import CHECKPOINTS, write_runs
from tests.conftest import KEY, assert_whole, events
from tests.places import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from arro3.core import RecordBatchReader

LISTS = ("charges", "invoices", "refunds")
YOUNG, OLD = 2, 300


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    """Three lists, one of which is empty."""
    with StripeSimulator(counts={name: 40 if name != "invoices" else 0 for name in LISTS}) as stripe:
        yield stripe


def land(lake: Path, stripe: StripeSimulator) -> None:
    """A run of all lists, each of which begins at the newest object that is known."""
    given: dict[str, Any] = {"entities": ",".join(LISTS), "lookback_seconds": 0}
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **given).raise_for_status()


class Counts(NamedTuple):
    """The numbers that a run's cost depends on."""

    files: int
    log_entries: int


def counts(lake: Path) -> Counts:
    (size,) = (size for size in sizes(tables_of(lake)) if size.table == CHECKPOINTS)
    assert size.files is not None
    assert size.log_entries is not None
    return Counts(size.files, size.log_entries)


def versions(lake: Path) -> dict[str, int]:
    return {folder.name: DeltaTable(folder).version() for folder in lake.iterdir()}


def commits_of_a_run(lake: Path, stripe: StripeSimulator) -> dict[str, int]:
    before = versions(lake)
    land(lake, stripe)
    return {name: version - before[name] for name, version in versions(lake).items()}


@pytest.fixture
def aged(lake: Path, stripe: StripeSimulator) -> Path:
    for _ in range(YOUNG):
        land(lake, stripe)
    write_runs(lake, OLD - YOUNG)
    return lake


def test_an_old_lake_is_whole_and_a_run_goes_on_from_its_last_one(aged: Path, stripe: StripeSimulator) -> None:
    verify(tables=tables_of(aged)).raise_for_status()
    started = events(aged, "event_type = 'RUN_STARTED'")
    assert len({event["run_id"] for event in started}) == len(started) == OLD * len(LISTS)
    assert len({event["event_id"] for event in events(aged)}) == len(events(aged))
    stripe.add("charges", 3)
    land(aged, stripe)
    verify(tables=tables_of(aged)).raise_for_status()
    for name in LISTS:
        assert_whole(aged, stripe, name)
        assert events(aged, f"entity = '{name}'")[-1]["epoch"] == OLD + 1


def test_a_run_makes_as_many_commits_in_an_old_lake_as_in_a_young_one(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    young = commits_of_a_run(lake, stripe)
    write_runs(lake, OLD)
    old = commits_of_a_run(lake, stripe)
    # Lists share commits to the checkpoint table if they come at the same moment.
    for commits in (young, old):
        assert 1 <= commits.pop(CHECKPOINTS) <= len(LISTS)
    assert old == young


def test_files_and_log_entries_are_bounded_in_an_old_lake(aged: Path, stripe: StripeSimulator) -> None:
    seen = []
    for _ in range(8):
        land(aged, stripe)
        seen.append(counts(aged))
    # Each of the runs adds at most three events in commits of their own for each list, before upkeep looks at them.
    assert max(count.files for count in seen) <= 64
    assert max(count.log_entries for count in seen) <= 64


@contextmanager
def files_opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The files that each question to the checkpoint table opens, while this lasts."""
    opened: list[int] = []

    class Explaining:
        """A query that first says how it reads."""

        def __init__(self, session: dict[str, str]) -> None:
            self._query = QueryBuilder(session)

        def register(self, name: str, table: DeltaTable) -> Explaining:
            self._is_counted = table.table_uri.rstrip("/").endswith(CHECKPOINTS)
            self._query = self._query.register(name, table)
            return self

        def execute(self, sql: str) -> RecordBatchReader:
            if self._is_counted:
                plan = str(self._query.execute(f"EXPLAIN ANALYZE {sql}").read_all()["plan"].to_pylist())
                opened.append(sum(int(files) for files in re.findall(r"files_opened=(\d+)", plan)))
            return self._query.execute(sql)

    with monkeypatch.context() as patch:
        patch.setattr("stripe_raw_rs.tables.delta_rs.select.QueryBuilder", Explaining)
        yield opened


def test_a_run_opens_as_many_files_in_an_old_lake_as_in_a_young_one(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few bytes a file that an old lake has several, and so short a time that the runs of an hour are not of today.
    monkeypatch.setattr("tests.aged.SMALL_FILE", 20_000)
    monkeypatch.setattr("stripe_raw_rs.state_store.RECENT_MICROS", 5_000_000)
    opened = []
    for runs in (20, 1_500):
        land(lake, stripe)
        land(lake, stripe)
        write_runs(lake, runs)
        time.sleep(5)
        land(lake, stripe)
        with files_opened(monkeypatch) as files:
            land(lake, stripe)
        assert files, "no question was counted"
        opened.append(sum(files))
    # The newest events of a list may be in two files.
    assert opened[1] <= opened[0] + len(LISTS)


def test_a_lake_whose_last_run_found_something_new_is_not_copied(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    with pytest.raises(ValueError, match="has found new objects"):
        write_runs(lake, 2)


def test_a_run_reads_the_log_of_a_table_again_only_if_there_are_commits_in_it(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, stripe)
    caught_up: list[str] = []

    class Counted(DeltaTable):
        def update_incremental(self) -> None:
            before = self.version()
            super().update_incremental()
            assert self.version() > before
            caught_up.append(self.table_uri)

    monkeypatch.setattr("stripe_raw_rs.tables.delta_rs.loaded.DeltaTable", Counted)
    stripe.add("charges", 3)
    land(lake, stripe)
    assert any("charges" in uri for uri in caught_up)
    assert not any("refunds" in uri for uri in caught_up)

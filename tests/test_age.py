"""A run costs what is new, however old the lake is: commits, files and log entries are counted, nothing is timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from deltalake import DeltaTable

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.status import sizes
from stripe_raw_rs.verify import verify
from tests.aged import CHECKPOINTS, write_runs
from tests.conftest import KEY, assert_whole, events
from tests.places import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LISTS = ("balance_transactions", "charges", "invoices", "payment_intents", "refunds")
YOUNG, OLD = 2, 300


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    """Five lists, one of which is empty."""
    with StripeSimulator(counts={name: 40 if name != "invoices" else 0 for name in LISTS}) as stripe:
        yield stripe


def land(lake: Path, stripe: StripeSimulator) -> None:
    """A run of all lists, each of which begins at the newest object that is known."""
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, lookback_seconds=0).raise_for_status()


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
    verify(tables_of(aged), say=lambda _line: None)
    started = events(aged, "event_type = 'RUN_STARTED'")
    assert len({event["run_id"] for event in started}) == len(started) == OLD * len(LISTS)
    assert len({event["event_id"] for event in events(aged)}) == len(events(aged))
    stripe.add("charges", 3)
    land(aged, stripe)
    verify(tables_of(aged), say=lambda _line: None)
    for name in LISTS:
        assert_whole(aged, stripe, name)
        assert events(aged, f"entity = '{name}'")[-1]["epoch"] == OLD + 1


def test_a_run_makes_as_many_commits_in_an_old_lake_as_in_a_young_one(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    young = commits_of_a_run(lake, stripe)
    write_runs(lake, OLD)
    assert commits_of_a_run(lake, stripe) == young


def test_files_and_log_entries_are_bounded_in_an_old_lake(aged: Path, stripe: StripeSimulator) -> None:
    seen = []
    for _ in range(8):
        land(aged, stripe)
        seen.append(counts(aged))
    # Each of the runs adds at most three events in commits of their own for each list, before upkeep looks at them.
    assert max(count.files for count in seen) <= 64
    assert max(count.log_entries for count in seen) <= 64


def test_a_lake_whose_last_run_found_something_new_is_not_copied(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe)
    with pytest.raises(ValueError, match="has found new objects"):
        write_runs(lake, 2)

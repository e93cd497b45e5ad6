"""A lake in which version 0.1.0 landed two accounts, each by itself, goes on with calls that read many accounts."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from stripe_raw_rs import FencedError, Report, ingest, status, verify
from stripe_raw_rs.commit import commit
from stripe_raw_rs.tables import open_tables
from tests.children import Child, assert_mostly_killed, steps_of
from tests.conftest import KEY, HandMade, events, landed, tamper
from tests.lakes.make import CONNECTED, END, LISTS, OPTIONS, account_after
from tests.test_upgrade import unpack
from tests.truth import assert_events_match

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

NAME = "two_accounts"
NEW = ["acct_new1", "acct_new2", "acct_new3"]
CHECKPOINTS = "stripe_ingestion_checkpoints"


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    """Any name of an account has the same objects here; three in each list are newer than the lake."""
    with account_after(NAME) as simulator:
        for name in LISTS[NAME]:
            simulator.add(name, 3, created=END - 500)
        yield simulator


@pytest.fixture
def old(stripe: StripeSimulator, tmp_path: Path) -> Path:
    return unpack(NAME, tmp_path / "lake", stripe)


def names(stripe: StripeSimulator) -> list[str]:
    return [stripe.account, CONNECTED, *NEW]


def land(lake: Path, stripe: StripeSimulator, **more: Any) -> Report:
    options = {**OPTIONS, "entities": ",".join(LISTS[NAME]), "accounts": names(stripe), "owner": "later/1", **more}
    return ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **options)


def assert_whole(lake: Path, stripe: StripeSimulator) -> None:
    """Check that all accounts have all objects, none of them twice in a run, and new ones once altogether."""
    for name in LISTS[NAME]:
        rows = landed(lake, name).to_pylist()
        there = {(row["_stripe_account"], row["_stripe_id"]) for row in rows}
        assert there == {(account, id_) for account in (None, CONNECTED, *NEW) for id_ in stripe.ids(name)}
        in_runs = Counter((row["_ingest_run_id"], row["_stripe_id"]) for row in rows)
        assert set(in_runs.values()) == {1}
        # Version 0.1.0 landed the objects of the lookback in each run.
        since = Counter((row["_stripe_account"], row["_stripe_id"]) for row in rows if row["_source"] is not None)
        assert set(since.values()) == {1}
        assert_events_match(rows, events(lake, f"entity = '{name}'"))
    tables = open_tables({"lake": lake})
    verify(tables=tables).raise_for_status()
    assert {each.state for each in status(tables=tables)} == {"complete"}


def test_a_lake_of_version_0_1_0_goes_on_with_its_accounts_and_new_ones(old: Path, stripe: StripeSimulator) -> None:
    for number in range(3):
        report = land(old, stripe)
        report.raise_for_status()
        assert [result.accounts.complete for result in report.entities] == [5, 5]
        assert_whole(old, stripe)
        assert number == 0 or sum(result.rows for result in report.entities) == 0
    before = {name: landed(old, name).num_rows for name in LISTS[NAME]}
    land(old, stripe, accounts=None, stripe_account=CONNECTED).raise_for_status()
    land(old, stripe, accounts=None).raise_for_status()
    assert {name: landed(old, name).num_rows for name in LISTS[NAME]} == before


def cut_off(lake: Path, kinds: tuple[str, ...], owner: str, *, with_rows: bool) -> str:
    """Let the connected account's newest run of charges look as if its process had got no further; give its id."""
    mine = f"entity = 'charges' AND stripe_account = '{CONNECTED}' AND event_type = 'RUN_STARTED'"
    run_id = str(events(lake, mine)[-1]["run_id"])

    def events_left(rows: pa.Table) -> pa.Table:
        mine = pc.equal(rows["run_id"], run_id)
        lost = pc.and_(mine, pc.invert(pc.is_in(rows["event_type"], pa.array(["RUN_STARTED", *kinds]))))
        at = rows.schema.get_field_index("owner")
        rows = rows.set_column(at, rows.schema.field(at), pc.if_else(mine, owner, rows["owner"]))
        return rows.filter(pc.invert(lost))

    tamper(lake, CHECKPOINTS, events_left)
    if not with_rows:
        tamper(lake, "stripe_charges_raw", lambda rows: rows.filter(pc.not_equal(rows["_ingest_run_id"], run_id)))
    return run_id


@pytest.mark.parametrize(
    ("kinds", "with_rows"),
    [((), False), ((), True), (("PAGE_COMMITTED",), True)],
    ids=["begun", "rows without events", "all but its end"],
)
@pytest.mark.parametrize("gone", [True, False], ids=["its process is gone", "its process may sleep"])
def test_a_process_of_version_0_1_0_that_was_at_work_commits_nothing_more(
    old: Path, stripe: StripeSimulator, kinds: tuple[str, ...], *, with_rows: bool, gone: bool
) -> None:
    run_id = cut_off(old, kinds, "earlier/1", with_rows=with_rows)
    store_id = DeltaTable(old / CHECKPOINTS).metadata().configuration["stripe_raw.store_id"]
    # It ran on another machine, so only its last sign of life shows whether it lives: here that is old.
    if not gone:
        as_if_now(old, run_id)
        held = land(old, stripe)
        assert held.exit_code == 75
        assert f"earlier/1 holds run {run_id}" in str(held)
        assert [result.state for result in held.entities] == ["held", "complete"], "the other list is free"
    land(old, stripe, take_over=not gone).raise_for_status()
    completed = events(old, f"run_id = '{run_id}' AND event_type = 'RUN_COMPLETED'")
    assert len(completed) == 1, "the run goes on"
    assert_whole(old, stripe)
    # It wakes up, and goes on with its next commit.
    tables = open_tables({"lake": old})
    asleep = f"stripe_raw_rs/1/{store_id}/charges/{CONNECTED}"
    for name in ("stripe_charges_raw", CHECKPOINTS):
        table = tables.table(name)
        rows = pa.table(table.read(table.schema().names, [])).slice(0, 1)  # type: ignore[attr-defined]
        for sequence in (0, 1, 2, 100):
            with pytest.raises(FencedError):
                commit(table, HandMade(rows, 2 << 32 | sequence, asleep))
    assert_whole(old, stripe)


def as_if_now(lake: Path, run_id: str) -> None:
    def now(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index("event_at")
        moment = pa.scalar(time.time_ns() // 1_000, pa.timestamp("us", "UTC"))
        mine = pc.equal(rows["run_id"], run_id)
        return rows.set_column(at, rows.schema.field(at), pc.if_else(mine, moment, rows["event_at"]))

    tamper(lake, CHECKPOINTS, now)


@pytest.mark.kill
def test_a_kill_at_any_step_of_the_first_call_of_many_accounts_leaves_an_old_lake_whole(
    stripe: StripeSimulator, tmp_path: Path
) -> None:
    options: dict[str, Any] = {**OPTIONS, "entities": "charges", "accounts": names(stripe)}
    options |= {"owner": "later/1", "commit_interval_seconds": 3_600}

    def old(folder: Path) -> Path:
        lake = unpack(NAME, folder, stripe)
        cut_off(lake, (), "earlier/1", with_rows=True)
        return lake

    steps = steps_of(old(tmp_path / "counted"), stripe, **options)
    ends = Counter[int]()
    for step in range(5, len(steps) + 1, 4):
        lake = old(tmp_path / f"lake{step}")
        with Child(lake, stripe, step, "SIGKILL", **options) as child:
            ends[child.ended()] += 1
        land(lake, stripe).raise_for_status()
        assert_whole(lake, stripe)
    assert_mostly_killed(ends)

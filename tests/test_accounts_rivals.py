"""Processes at once on one lake with many accounts: a list has one process at a time, whichever accounts it reads."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.children import Child, steps_of
from tests.connected import assert_each_once, assert_latest, land, platform, states

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

# Small groups: a call has some commits.
OPTIONS: dict[str, Any] = {
    "entities": "charges",
    "page_size": 5,
    "max_concurrent_requests": 1,
    "commit_interval_seconds": 0,
}
COUNT = 6


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform(COUNT) as simulator:
        yield simulator


def step_after_rows(lake: Path, stripe: StripeSimulator, number: int, **options: Any) -> int:
    """The step at which the rows of a commit are there, and their events are not."""
    steps = steps_of(lake, stripe, **options)
    rows = [at for at, step in enumerate(steps, 1) if step == "after append stripe_charges_raw"]
    return rows[number]


def message(report: Any) -> str:
    return str(report.entities[0].message)


@pytest.mark.parametrize(("mine", "theirs"), [((0, 4), (2, 6)), ((0, 6), (3, 4)), ((2, 3), (0, 6)), ((0, 3), (3, 6))])
def test_one_of_two_processes_steps_back_even_if_it_reads_other_accounts(
    tmp_path: Path, stripe: StripeSimulator, mine: tuple[int, int], theirs: tuple[int, int]
) -> None:
    """Their commits are those of one list, and so their fence is."""
    accounts = stripe.accounts()
    mine_, theirs_ = (accounts[slice(*part)] for part in (mine, theirs))
    lake = tmp_path / "lake"
    step = step_after_rows(tmp_path / "counted", stripe, 0, **OPTIONS, accounts=mine_)
    with Child(lake, stripe, step, "SIGSTOP", **OPTIONS, accounts=mine_) as holder:
        assert holder.stands_still()
        held = land(lake, stripe, **OPTIONS, accounts=theirs_)
        assert held.exit_code == 75
        assert f"/{holder.pid} holds run" in message(held)
        assert "acct_" not in message(held), "one line for all of them"
        holder.go_on()
        assert holder.ended() == 0
    assert_each_once(lake, stripe, mine_)
    land(lake, stripe, **OPTIONS, accounts=theirs_).raise_for_status()
    assert_each_once(lake, stripe, {*mine_, *theirs_})


@pytest.mark.parametrize("overlap", ["the same", "others", "one", "more"])
def test_a_process_that_is_taken_over_writes_nothing_more(
    tmp_path: Path, stripe: StripeSimulator, overlap: str
) -> None:
    accounts = stripe.accounts()
    first = accounts[:4]
    second = {"the same": first, "others": accounts[4:], "one": accounts[1:2], "more": accounts}[overlap]
    steps = steps_of(tmp_path / "counted", stripe, **OPTIONS, accounts=first)
    tried = range(steps.index("after append stripe_ingestion_checkpoints") + 1, len(steps), 3)
    taken_over = 0
    for step in tried:
        lake = tmp_path / f"lake{step}"
        with Child(lake, stripe, step, "SIGSTOP", **OPTIONS, accounts=first) as late:
            if not late.stands_still():
                # How many accounts a commit has depends on time, and so does the number of steps.
                assert late.ended() == 0
                continue
            assert land(lake, stripe, **OPTIONS, accounts=second).exit_code == 75
            land(lake, stripe, **OPTIONS, accounts=second, take_over=True).raise_for_status()
            before = {path for path in lake.rglob("*") if path.is_file()}
            late.go_on()
            assert late.ended() == 75, steps[step - 1]
            assert {path for path in lake.rglob("*") if path.is_file()} == before, steps[step - 1]
            assert "acct_" not in "".join(late.said)
            taken_over += 1
        land(lake, stripe, **OPTIONS, accounts=accounts).raise_for_status()
        assert_each_once(lake, stripe, accounts)
    print(f"{taken_over} of {len(tried)} steps of {len(steps)}")  # noqa: T201 - how many were tried
    assert taken_over >= max(1, len(tried) // 2)


def test_processes_of_single_accounts_hold_each_other(lake: Path, tmp_path: Path, stripe: StripeSimulator) -> None:
    one, two, *_ = stripe.accounts()
    step = step_after_rows(tmp_path / "counted", stripe, 0, **OPTIONS, stripe_account=one)
    with Child(lake, stripe, step, "SIGSTOP", **OPTIONS, stripe_account=one) as holder:
        assert holder.stands_still()
        held = land(lake, stripe, **OPTIONS, accounts=None, stripe_account=two)
        assert (held.exit_code, f"/{holder.pid} holds run" in message(held)) == (75, True)
        # Another list is free.
        stripe.add("customers", 3, account=two)
        land(lake, stripe, **{**OPTIONS, "entities": "customers"}, accounts=two).raise_for_status()
        holder.go_on()
        assert holder.ended() == 0
    land(lake, stripe, **OPTIONS, accounts=None, stripe_account=two).raise_for_status()
    assert_each_once(lake, stripe, [one, two])


@pytest.mark.parametrize("take_over", [False, True], ids=["polite", "take over"])
def test_any_interleaving_of_overlapping_accounts_ends_whole(tmp_path: Path, *, take_over: bool) -> None:
    for number in range(3):
        lake = tmp_path / f"lake{number}"
        with ExitStack() as stack:
            stripe = stack.enter_context(platform(12, latency_ms=3, seed=number + 1))
            accounts = stripe.accounts()
            options = {**OPTIONS, "max_concurrent_requests": 4, "take_over": take_over}
            parts = [accounts[:8], accounts[4:], accounts[::2]]
            children = [stack.enter_context(Child(lake, stripe, **options, accounts=part)) for part in parts]
            ends = [child.ended() for child in children]
            assert set(ends) <= {0, 75}, [child.said for child in children]
            assert 0 in ends
            before = states(stripe, accounts)
            for account in accounts[::3]:
                stripe.add("charges", 2, account=account)
            land(lake, stripe, accounts=accounts).raise_for_status()
            assert_each_once(lake, stripe, accounts, before)
            assert_latest(lake, stripe, accounts)

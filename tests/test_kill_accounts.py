"""`kill -9` ends a call of many accounts at each of its commit steps: the next one loses nothing and doubles nothing.

Among the accounts are new ones, complete ones, ones whose run was cut off, with and without events for its rows, and
ones whose run has failed.
"""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import status
from tests.children import Child, steps_of
from tests.conftest import events
from tests.connected import IN_ONE_GROUP, assert_each_once, assert_latest, land, landed_of, platform, states

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

OPTIONS: dict[str, Any] = {"entities": "charges", "page_size": 5, "max_concurrent_requests": 1}
EACH_PAGE: dict[str, Any] = {**OPTIONS, "commit_interval_seconds": 0}
IN_GROUPS: dict[str, Any] = {**OPTIONS, **IN_ONE_GROUP}
COUNT = 20
ROWS = "after append stripe_charges_raw"


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeSimulator]:
    with platform(COUNT) as simulator:
        yield simulator


def kill(lake: Path, stripe: StripeSimulator, step: int, *, is_last: bool = False, **options: Any) -> None:
    """End a call at that step. It must come so far, but for the last steps of the one that was counted.

    How many accounts a commit has depends on time, so a call may have fewer steps.
    """
    with Child(lake, stripe, step, "SIGKILL", **options) as child:
        assert child.ended() in ({-signal.SIGKILL, 0, 1} if is_last else {-signal.SIGKILL}), (step, child.steps)


class Begun:
    """A lake in which the accounts have come to different points, and what they had before."""

    def __init__(self, folder: Path, stripe: StripeSimulator) -> None:
        self.stripe = stripe
        self.names = stripe.accounts()
        self.lake = folder / "begun"
        self.back, self.gone = self.names[4:6]
        land(self.lake, stripe, accounts=self.names[:8], **IN_GROUPS).raise_for_status()
        self.before = [states(stripe, self.names)]
        self._grow()
        for name in (self.back, self.gone):
            stripe.revoke(name)
        options = {**EACH_PAGE, "accounts": self.names[2:12]}
        shutil.copytree(self.lake, folder / "counted")
        with Child(folder / "counted", stripe, **options) as child:
            assert child.ended() == 1, "the revoked accounts fail"
        rows = [at for at, step in enumerate(child.steps, 1) if step == ROWS]
        kill(self.lake, stripe, rows[len(rows) * 3 // 4], **options)
        stripe.restore(self.back)
        self.before.append(states(stripe, self.names))
        self._grow()

    def _grow(self) -> None:
        for number, name in enumerate(self.names[:12]):
            self.stripe.add("charges", 1 + number % 7, account=name)

    def check(self, lake: Path) -> None:
        """Give all accounts back, and let a clean call land what is missing; the lake must be whole then."""
        self.stripe.restore(self.gone)
        land(lake, self.stripe, accounts=self.names).raise_for_status()
        assert_each_once(lake, self.stripe, self.names, *self.before)
        self.stripe.revoke(self.gone)


@pytest.fixture(scope="module")
def begun(stripe: StripeSimulator, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    begun = Begun(tmp_path_factory.mktemp("kills"), stripe)
    found = Counter(each.state for of_list in status(lake=begun.lake) for each in of_list.accounts)
    assert found.keys() == {"complete", "failed", "unfinished"}
    assert found.total() == 12, "the others are new"
    return begun


@pytest.mark.kill
@pytest.mark.parametrize(("options", "every"), [(IN_GROUPS, 1), (EACH_PAGE, 11)], ids=["in groups", "each page"])
def test_a_kill_at_any_step_of_many_accounts_neither_loses_nor_doubles_an_object(
    tmp_path: Path, stripe: StripeSimulator, begun: Begun, options: dict[str, Any], every: int
) -> None:
    options = {**options, "accounts": begun.names}
    shutil.copytree(begun.lake, tmp_path / "counted")
    with Child(tmp_path / "counted", stripe, **options) as child:
        assert child.ended() == 1, "one account is revoked"
    begun.check(tmp_path / "counted")
    print(f"{len(child.steps)} steps: {child.steps}")  # noqa: T201 - how many were tried
    tried = range(1, len(child.steps) + 1, every)
    assert len(tried) > 3
    for step in tried:
        lake = tmp_path / f"lake{step}"
        shutil.copytree(begun.lake, lake)
        kill(lake, stripe, step, is_last=step == tried[-1], **options)
        begun.check(lake)


@pytest.mark.kill
def test_a_kill_at_any_step_of_the_first_call_of_many_accounts_neither_loses_nor_doubles_an_object(
    tmp_path: Path,
) -> None:
    with platform(COUNT) as stripe:
        names = stripe.accounts()
        options = {**IN_GROUPS, "accounts": names}
        steps = steps_of(tmp_path / "counted", stripe, **options)
        tried = range(5, len(steps) + 1)
        assert len(tried) > 3
        for step in tried:
            lake = tmp_path / f"lake{step}"
            kill(lake, stripe, step, is_last=step == tried[-1], **options)
            land(lake, stripe, accounts=names).raise_for_status()
            assert_each_once(lake, stripe, names)


@pytest.mark.kill
def test_a_second_kill_in_the_recovery_of_many_accounts_neither_loses_nor_doubles_an_object(
    tmp_path: Path, stripe: StripeSimulator, begun: Begun
) -> None:
    options = {**IN_GROUPS, "accounts": begun.names}
    shutil.copytree(begun.lake, tmp_path / "counted")
    with Child(tmp_path / "counted", stripe, **options) as child:
        assert child.ended() == 1
    firsts = [at for at, step in enumerate(child.steps, 1) if step == ROWS][1::2]
    assert firsts
    for first in firsts:
        once = tmp_path / f"once{first}"
        shutil.copytree(begun.lake, once)
        kill(once, stripe, first, **options)
        shutil.copytree(once, tmp_path / f"counted{first}")
        with Child(tmp_path / f"counted{first}", stripe, **options) as again:
            assert again.ended() == 1
        tried = range(6 + first % 3, len(again.steps), 3)
        assert tried
        for second in tried:
            lake = tmp_path / f"lake{first}-{second}"
            shutil.copytree(once, lake)
            kill(lake, stripe, second, is_last=second == tried[-1], **options)
            begun.check(lake)


@pytest.mark.parametrize("how", ["all at once", "one by one", "in another order"])
def test_rows_of_many_accounts_without_their_events_are_recovered_account_by_account(tmp_path: Path, how: str) -> None:
    with platform(COUNT) as stripe:
        names = stripe.accounts()
        options = {**IN_GROUPS, "accounts": names}
        lake = tmp_path / "counted"
        steps = steps_of(lake, stripe, **options)
        # How many accounts join at first depends on time: a call may have fewer steps than the one that was counted.
        for step in [at for at, what in enumerate(steps, 1) if what == ROWS][::-1]:
            lake = tmp_path / f"lake{step}"
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                if child.ended() == -signal.SIGKILL:
                    break
        with_events = {
            event["stripe_account"] for event in events(lake, "event_type = 'PAGE_COMMITTED' AND row_count > 0")
        }
        joint = landed_of(lake).keys() - with_events
        assert len(joint) > COUNT // 4, "one commit has the rows of many accounts"
        before = landed_of(lake)
        if how == "all at once":
            land(lake, stripe, accounts=names).raise_for_status()
        else:
            for name in names if how == "one by one" else reversed(names):
                land(lake, stripe, accounts=None, stripe_account=name).raise_for_status()
        after = landed_of(lake)
        assert all(after[account] == before[account] for account in joint), "what is there is not landed again"
        recovered = [event for event in events(lake, "event_type = 'PAGE_COMMITTED'") if event["recovered"]]
        assert {event["stripe_account"] for event in recovered} >= joint
        assert_each_once(lake, stripe, names)
        assert_latest(lake, stripe, names)

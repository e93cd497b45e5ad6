"""`kill -9` ends a real process at each of its commit steps: the next process loses nothing and doubles nothing.

The steps are counted in a run that nobody kills, so a step that is added to the protocol is tried as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child, assert_mostly_killed, steps_of
from tests.conftest import DEFAULT, EACH_PAGE, IN_PARTS, KEY, ONE_AT_A_TIME, account, events, land
from tests.truth import Served, assert_true, served

if TYPE_CHECKING:
    from pathlib import Path

IN_GROUPS: dict[str, Any] = {**ONE_AT_A_TIME, "commit_interval_seconds": 3_600}
MODES = pytest.mark.parametrize(
    "options",
    [
        pytest.param(EACH_PAGE, marks=pytest.mark.kill, id="each page by itself"),
        pytest.param(IN_GROUPS, id="in groups"),
    ],
)


def kill(lake: Path, stripe: StripeSimulator, step: int, **options: Any) -> None:
    with Child(lake, stripe, step, "SIGKILL", **options) as child:
        assert child.ended() == -signal.SIGKILL


def runs(lake: Path) -> int:
    return len({event["run_id"] for event in events(lake, "entity = 'charges'")})


def change(lake: Path, stripe: StripeSimulator) -> Served:
    """Delete the object that the run would go on from, and its neighbours; add others. Answer the earlier objects."""
    before = served(stripe, "charges")
    committed = (
        events(lake, "event_type = 'PAGE_COMMITTED'") if (lake / "stripe_ingestion_checkpoints").exists() else []
    )
    all_ids = stripe.ids("charges")
    cursors = [all_ids.index(event["next_cursor"]) for event in committed if event["next_cursor"]]
    # An orphan page's cursor is five objects further than the last cursor in the events.
    at = max(cursors, default=4)
    for gone in all_ids[at : at + 6 : 5]:
        stripe.delete("charges", gone)
    stripe.add("charges", 3)
    return before


@MODES
def test_a_kill_at_any_step_neither_loses_nor_doubles_an_object(tmp_path: Path, options: dict[str, Any]) -> None:
    with account() as stripe:
        steps = steps_of(tmp_path / "counted", stripe, **options)
        print(f"{len(steps)} steps: {steps}")  # noqa: T201 - how many were tried
        for step in range(1, len(steps) + 1):
            lake = tmp_path / f"lake{step}"
            kill(lake, stripe, step, **options)
            land(lake, stripe, options)
            assert_true(lake, stripe, "charges")
            assert runs(lake) <= 2, "the run that was killed goes on, then a new window follows"


@MODES
def test_a_kill_while_the_account_changes_neither_loses_nor_doubles_an_object(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with account() as stripe:
        steps = steps_of(tmp_path / "counted", stripe, **options)
    for step in range(1, len(steps) + 1):
        lake = tmp_path / f"lake{step}"
        with account() as stripe:
            kill(lake, stripe, step, **options)
            before = change(lake, stripe)
            land(lake, stripe, options)
            assert_true(lake, stripe, "charges", before)


@MODES
def test_a_second_kill_in_the_recovery_neither_loses_nor_doubles_an_object(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with account() as stripe:
        steps = steps_of(tmp_path / "counted", stripe, **options)
        for first in range(5, len(steps), 3):
            once = tmp_path / f"lake{first}"
            kill(once, stripe, first, **options)
            shutil.copytree(once, tmp_path / f"counted{first}")
            again = steps_of(tmp_path / f"counted{first}", stripe, **options)
            for second in range(3 + first % 3, len(again), 7):
                lake = tmp_path / f"lake{first}-{second}"
                shutil.copytree(once, lake)
                kill(lake, stripe, second, **options)
                land(lake, stripe, options)
                assert_true(lake, stripe, "charges")
                assert runs(lake) <= 3


@pytest.mark.kill
def test_a_kill_while_the_list_is_read_in_parts_neither_loses_nor_doubles_an_object(tmp_path: Path) -> None:
    options = {**IN_PARTS, "commit_interval_seconds": 0.02}
    with StripeSimulator(seed=11, counts={"charges": 200}, latency_ms=10) as stripe:
        steps = steps_of(tmp_path / "counted", stripe, **options)
        parts = {event["range_lt"] for event in events(tmp_path / "counted", "event_type = 'PAGE_COMMITTED'")}
        assert len(parts) > 3, "the list is read in parts"
        ends = Counter[int]()
        for step in range(9, len(steps) + 1, 2):
            lake = tmp_path / f"lake{step}"
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                ends[child.ended()] += 1
            land(lake, stripe, options)
            assert_true(lake, stripe, "charges")
        assert_mostly_killed(ends)


@pytest.mark.kill
def test_a_kill_between_groups_of_some_pages_neither_loses_nor_doubles_an_object(tmp_path: Path) -> None:
    """The number of pages in a group depends on time here, and so does the number of steps."""
    options = {**ONE_AT_A_TIME, "commit_interval_seconds": 0.05}
    with StripeSimulator(seed=11, counts={"charges": 50}, latency_ms=15) as stripe:
        steps = steps_of(tmp_path / "counted", stripe, **options)
        ends = Counter[int]()
        for step in range(9, len(steps) + 1):
            lake = tmp_path / f"lake{step}"
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                ends[child.ended()] += 1
            land(lake, stripe, options)
            assert_true(lake, stripe, "charges")
        assert_mostly_killed(ends)


@pytest.mark.kill
def test_a_kill_in_a_later_run_neither_loses_nor_doubles_an_object(tmp_path: Path) -> None:
    options = {**EACH_PAGE, "lookback_seconds": 3_600}
    with account() as stripe:
        land(tmp_path / "lake", stripe, options)
        stripe.add("charges", 8)
        shutil.copytree(tmp_path / "lake", tmp_path / "counted")
        steps = steps_of(tmp_path / "counted", stripe, **options)
        for step in range(1, len(steps) + 1):
            lake = tmp_path / f"lake{step}"
            shutil.copytree(tmp_path / "lake", lake)
            kill(lake, stripe, step, **options)
            land(lake, stripe, options)
            assert_true(lake, stripe, "charges")


@pytest.mark.kill
def test_a_kill_while_five_entities_share_the_checkpoint_table_neither_loses_nor_doubles_an_object(
    tmp_path: Path,
) -> None:
    options = {**EACH_PAGE, "entities": ",".join(DEFAULT)}
    with StripeSimulator(seed=5, counts=dict.fromkeys(DEFAULT, 13)) as stripe:
        steps = steps_of(tmp_path / "counted", stripe, **options)
        for step in range(13, len(steps), 13):
            lake = tmp_path / f"lake{step}"
            kill(lake, stripe, step, **options)
            land(lake, stripe, options)
            for name in DEFAULT:
                assert_true(lake, stripe, name)


def test_the_command_goes_on_and_verify_agrees(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    with account() as stripe:
        kill(lake, stripe, 12, **EACH_PAGE)
        command = [sys.executable, "-m", "stripe_raw_rs"]
        again = [*command, "run", "--lake", str(lake), "--api-base-url", stripe.url, "--entities", "charges"]
        done = subprocess.run(
            again, env={**os.environ, "STRIPE_API_KEY": KEY}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "goes on with run" in done.stderr
        checked = subprocess.run([*command, "verify", "--lake", str(lake)], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "no findings")
        assert_true(lake, stripe, "charges")

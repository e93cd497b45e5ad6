"""Two and three real processes at once on one lake and one entity: one works, the others stop and say who works.

The test chooses the step at which a process stands still (by SIGSTOP), so no outcome depends on timing.
"""

from __future__ import annotations

import signal
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import FencedError, TableError, ingest
from stripe_raw_rs._core import entities
from stripe_raw_rs.rivals import naming_the_winner
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child, steps_of
from tests.conftest import KEY, events
from tests.places import place_of
from tests.truth import assert_true

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs import Report

OPTIONS: dict[str, Any] = {
    "entities": "charges",
    "page_size": 5,
    "max_concurrent_requests": 1,  # the steps are the same each time
    "commit_interval_seconds": 0,
    "lookback_seconds": 0,
}
# Steps of a first run: four for creating the tables, two for its claim, then two for each append.
PLANNED, STARTED, BETWEEN_THE_APPENDS = 5, 6, 8


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with StripeSimulator(seed=3, counts={"charges": 12}) as simulator:
        yield simulator


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    return ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **{**OPTIONS, **options})


def files(lake: Path) -> set[Path]:
    return {path for path in lake.rglob("*") if path.is_file()}


@pytest.mark.parametrize("rivals", [1, 2])
def test_one_process_works_and_the_others_name_it(lake: Path, stripe: StripeSimulator, rivals: int) -> None:
    with ExitStack() as stack:
        children = [
            stack.enter_context(Child(lake, stripe, BETWEEN_THE_APPENDS, "SIGSTOP", **OPTIONS))
            for _ in range(1 + rivals)
        ]
        (holder,) = [child for child in children if child.stands_still()]
        for child in children:
            if child is not holder:
                assert child.ended() == 75
                assert f"/{holder.pid} " in child.said[0]
        holder.go_on()
        assert holder.ended() == 0
    assert_true(lake, stripe, "charges")
    assert len({event["run_id"] for event in events(lake)}) == 1


def test_a_process_that_loses_the_race_for_the_start_names_the_winner(lake: Path, stripe: StripeSimulator) -> None:
    with ExitStack() as stack:
        late = stack.enter_context(Child(lake, stripe, PLANNED, "SIGSTOP", **OPTIONS))
        assert late.stands_still()
        holder = stack.enter_context(Child(lake, stripe, BETWEEN_THE_APPENDS, "SIGSTOP", **OPTIONS))
        assert holder.stands_still()
        late.go_on()
        assert late.ended() == 75
        assert f"/{holder.pid} " in late.said[0]
        holder.go_on()
        assert holder.ended() == 0
    assert_true(lake, stripe, "charges")


def test_a_process_that_loses_says_so_even_if_the_winner_cannot_be_read() -> None:
    class Unreadable:
        def history(self, _entity: str, _account: str | None) -> None:
            message = "cannot read"
            raise TableError(message)

    job = SimpleNamespace(state=Unreadable(), account=None)
    fenced = FencedError("another process took over")
    (charges,) = entities("charges")
    assert naming_the_winner(job, charges, fenced, epoch=1, is_claimed=True) is fenced  # type: ignore[arg-type]


def test_a_process_that_is_taken_over_while_it_stands_still_writes_nothing_more(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    steps = steps_of(tmp_path / "counted", stripe, **OPTIONS)
    assert steps[BETWEEN_THE_APPENDS - 1] == "after append stripe_charges_raw"
    for step in range(STARTED, len(steps)):
        lake = tmp_path / f"lake{step}"
        with Child(lake, stripe, step, "SIGSTOP", **OPTIONS) as child:
            assert child.stands_still()
            held = land(lake, stripe)
            assert held.exit_code == 75
            assert f"/{child.pid} holds run" in str(held.entities[0].message)
            land(lake, stripe, take_over=True).raise_for_status()
            before = files(lake)
            child.go_on()
            assert child.ended() == 75, steps[step - 1]
            assert files(lake) == before, steps[step - 1]
        assert_true(lake, stripe, "charges")


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("take_over", [False, True], ids=["polite", "take over"])
def test_any_interleaving_ends_whole(tmp_path: Path, processes: int, *, take_over: bool) -> None:
    for number in range(3):
        lake = tmp_path / f"lake{number}"
        with ExitStack() as stack:
            stripe = stack.enter_context(StripeSimulator(seed=number, counts={"charges": 60}, latency_ms=2))
            options = {**OPTIONS, "take_over": take_over}
            children = [stack.enter_context(Child(lake, stripe, **options)) for _ in range(processes)]
            ends = [child.ended() for child in children]
            assert set(ends) <= {0, 75}
            assert 0 in ends, "a process that is not overtaken completes"
            land(lake, stripe).raise_for_status()
            assert_true(lake, stripe, "charges")


def test_kills_among_rivals_that_take_over_neither_lose_nor_double_an_object(tmp_path: Path) -> None:
    for number in range(4):
        lake = tmp_path / f"lake{number}"
        with ExitStack() as stack:
            stripe = stack.enter_context(StripeSimulator(seed=number, counts={"charges": 60}, latency_ms=2))
            options = {**OPTIONS, "take_over": True}
            steps = (7 + 3 * number, 12 + 5 * number, 0)
            children = [stack.enter_context(Child(lake, stripe, step, "SIGKILL", **options)) for step in steps]
            assert {child.ended() for child in children} <= {0, 75, -signal.SIGKILL}
            land(lake, stripe).raise_for_status()
            assert_true(lake, stripe, "charges")


def test_the_run_of_a_dead_process_is_taken_over_at_once(lake: Path, stripe: StripeSimulator) -> None:
    with Child(lake, stripe, BETWEEN_THE_APPENDS, "SIGKILL", **OPTIONS) as child:
        assert child.ended() == -signal.SIGKILL
    land(lake, stripe).raise_for_status()
    begun = events(lake, "event_type = 'RUN_STARTED'")
    assert [event["epoch"] for event in begun] == [1, 2, 3]
    assert begun[0]["run_id"] == begun[1]["run_id"] != begun[2]["run_id"]
    assert_true(lake, stripe, "charges")


def test_the_run_of_a_process_on_another_machine_is_left_alone(lake: Path, stripe: StripeSimulator) -> None:
    with Child(lake, stripe, BETWEEN_THE_APPENDS, "SIGKILL", owner="elsewhere/1", **OPTIONS) as child:
        assert child.ended() == -signal.SIGKILL
    held = land(lake, stripe)
    assert (held.exit_code, "elsewhere/1 holds run" in str(held)) == (75, True)
    land(lake, stripe, owner="elsewhere/1").raise_for_status()
    assert_true(lake, stripe, "charges")

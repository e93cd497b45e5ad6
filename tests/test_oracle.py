"""Changes while processes are killed: when the account stands still, the latest states are the account's."""

from __future__ import annotations

import random
import shutil
import signal
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import entities, ingest
from stripe_raw_rs._core import all_entities
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child, steps_of
from tests.conftest import KEY
from tests.oracle import assert_latest_is_the_account, assert_lists_are_the_accounts, assert_states_are_the_accounts
from tests.places import place_of

if TYPE_CHECKING:
    from pathlib import Path

HOUR, DAY = 3_600, 86_400
# Events of the simulator are of a newer version: their bodies are not what a list answers.
OPTIONS: dict[str, Any] = {
    "entities": "events,customers",
    "page_size": 5,
    "max_concurrent_requests": 1,
    "commit_interval_seconds": 0,
    "stripe_version": "2026-09-30.endive",
}


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> None:
    report = ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, backoff_base_seconds=0.01, **options)
    report.raise_for_status()


@pytest.mark.kill
@pytest.mark.parametrize("changes", ["read", "events"])
def test_a_kill_at_any_step_of_a_run_that_follows_changes_leaves_none_behind(tmp_path: Path, changes: str) -> None:
    options = {**OPTIONS, "changes": changes}
    counts = {"customers": 30, "events": 0}
    with StripeSimulator(seed=11, counts=counts, frozen_clock=True, history_days=50) as stripe:
        whole = tmp_path / "lake"
        land(whole, stripe, **options)
        stripe.advance(DAY)
        ids = stripe.ids("customers")
        stripe.change("customers", [*ids[4:9], ids[20], ids[20]])
        gone = {ids[15], ids[26]}
        for id_ in gone:
            stripe.delete("customers", id_)
        stripe.add("customers", 2)
        stripe.advance(HOUR)
        shutil.copytree(whole, tmp_path / "counted")
        steps = steps_of(tmp_path / "counted", stripe, **options)
        assert_latest_is_the_account(tmp_path / "counted", stripe, ["customers"], {"customers": gone})
        for step in range(1, len(steps) + 1, 1 if changes == "read" else 2):
            lake = tmp_path / f"lake{step}"
            shutil.copytree(whole, lake)
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                assert child.ended() == -signal.SIGKILL
            land(lake, stripe, **options)
            assert_latest_is_the_account(lake, stripe, ["customers"], {"customers": gone})


@pytest.mark.kill
@pytest.mark.timeout(600)
def test_after_each_of_twenty_random_days_with_kills_the_latest_states_are_the_accounts(tmp_path: Path) -> None:
    chance = random.Random(20)  # noqa: S311 - a test
    lake, gone = tmp_path / "lake", defaultdict[str, set[str]](set)
    everything = [entity for entity in entities("all") if entity.name != "events"]
    followed = [entity for entity in everything if entity.event_coverage == "full"]
    counts = {entity.name: 12 for entity in entities("all")}
    settings: dict[str, Any] = {"object_events": True, "event_delay": 15, "frozen_clock": True, "history_days": 60}
    shown = {child.name: child.parent for child in all_entities() if child.is_shown}

    def live(stripe: StripeSimulator) -> list[str]:
        """Some objects change, with events or without, some go, and some are new; answer in which lists."""
        touched = chance.sample(everything, 24)
        for entity in touched:
            ids = stripe.ids(entity.name)
            stripe.change(entity.name, chance.choices(ids, k=3) if ids else [])
            can_go = entity.deleted_event_type is not None and entity.event_coverage != "none"
            if can_go and ids and chance.random() < 0.5:
                gone[entity.name].add(id_ := chance.choice(ids))
                stripe.delete(entity.name, id_)
            stripe.add(entity.name, chance.randrange(3))
            for id_ in chance.sample(stripe.ids(entity.name), 2) if entity.name in shown.values() else ():
                stripe.change_items(entity.name, id_, added=chance.randrange(4), removed=chance.randrange(2))
        # The events of the last seconds of a day are not visible at its end.
        stripe.advance(chance.choice([HOUR // 2, DAY]) + 15)
        return [entity.name for entity in touched if entity in followed]

    with StripeSimulator(seed=20, counts=counts, sublist_items=120, **settings) as stripe:
        touched = [entity.name for entity in followed]
        for day in range(20):
            options: dict[str, Any] = {"entities": "all", "changes": ("read", "events")[day % 2]}
            options["page_size"] = chance.choice([3, 100])
            if chance.randrange(2):
                with Child(lake, stripe, chance.randrange(1, 600), "SIGKILL", **options) as child:
                    child.ended()
            land(lake, stripe, **options)
            assert_states_are_the_accounts(lake, stripe, touched, gone)
            assert_lists_are_the_accounts(lake, stripe, [name for name, parent in shown.items() if parent in touched])
            touched = live(stripe)
        # What has no event is found by listing everything again.
        land(lake, stripe, entities="all", relist_days=365, whole_every_days=0)
        assert_latest_is_the_account(lake, stripe, [entity.name for entity in everything], gone)
        assert_lists_are_the_accounts(lake, stripe, shown)

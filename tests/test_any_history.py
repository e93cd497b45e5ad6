"""Any history of arrivals, deletions, faults and kills ends whole: hypothesis looks for one that does not.

A kill is an exception here. Nobody may catch it and write more: the attempt can no longer use its tables.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.places import tables_of
from tests.stepped import SteppedTables
from tests.truth import Served, assert_true, served

if TYPE_CHECKING:
    from collections.abc import Callable

    from stripe_raw_rs import Report

# Faults that Stripe or the network may cause at any time; each request is tried again, until the retries are used up.
PASSING = ("status=500", "status=429", "status=409", "reset", "truncate", "cut", "empty", "vanish", "repeat", "html")


class Killed(SystemExit):
    """The process is gone."""


def killed_at(number: int) -> Callable[[str], None]:
    """A step function that kills the process at the step of that number."""
    count = 0

    def step(_what: str) -> None:
        nonlocal count
        count += 1
        if count >= number:
            raise Killed

    return step


ARRIVALS = st.tuples(st.just("arrive"), st.integers(1, 9), st.sampled_from([0, 1, 60]))
DELETIONS = st.tuples(st.just("delete"), st.integers(0, 60), st.integers(1, 6))
ATTEMPTS = st.tuples(
    st.just("run"),
    st.one_of(st.none(), st.integers(1, 34)),
    st.lists(st.tuples(st.sampled_from(PASSING), st.integers(1, 12)), max_size=3),
)
HISTORIES = st.lists(st.one_of(ATTEMPTS, ATTEMPTS, ARRIVALS, DELETIONS), min_size=2, max_size=8)


class World:
    """One account, one lake, and all objects that ever existed."""

    def __init__(self, lake: Path, stripe: StripeSimulator, options: dict[str, Any]) -> None:
        self.lake = lake
        self.stripe = stripe
        self.options = {**options, "entities": "charges", "backoff_base_seconds": 0.001, "max_retries": 2}
        self.ever: Served = {}

    def remember(self) -> None:
        self.ever |= served(self.stripe, "charges")

    def arrive(self, count: int, seconds_late: int) -> None:
        """Objects become visible, at most as late as the lookback allows for."""
        late = min(seconds_late, self.options["lookback_seconds"])
        (newest,) = self.stripe.add("charges")
        now = self.stripe.created("charges", newest)
        assert now is not None
        self.stripe.add("charges", count, created=now - late)

    def delete(self, at: int, count: int) -> None:
        self.remember()
        for gone in self.stripe.ids("charges")[at : at + count]:
            self.stripe.delete("charges", gone)

    def run(self, last_step: int | None, faults: list[tuple[str, int]]) -> None:
        self.remember()
        self.stripe.set_faults(",".join(f"{kind}@charges:n{number}" for kind, number in faults))
        tables = SteppedTables(tables_of(self.lake), killed_at(last_step or sys.maxsize))
        with suppress(Killed):
            self._ingest(tables=tables)
        self.stripe.reset_faults()

    def finish(self) -> None:
        self._ingest(lake=self.lake).raise_for_status()

    def _ingest(self, **place: Any) -> Report:
        return ingest(**place, api_key=KEY, api_base_url=self.stripe.url, **self.options)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    history=HISTORIES,
    objects=st.integers(0, 40),
    days=st.sampled_from([0, 1, 700]),
    page_size=st.integers(1, 9),
    lookback_seconds=st.sampled_from([0, 60, 86_400]),
    grouped=st.booleans(),
)
def test_any_history_ends_whole(  # noqa: PLR0913 - each is a dimension of the histories
    history: list[tuple[Any, ...]], *, objects: int, days: int, page_size: int, lookback_seconds: int, grouped: bool
) -> None:
    options = {
        "page_size": page_size,
        "lookback_seconds": lookback_seconds,
        "commit_interval_seconds": 3_600 if grouped else 0,
    }
    with (
        TemporaryDirectory() as folder,
        StripeSimulator(counts={"charges": objects}, history_days=days) as stripe,
    ):
        world = World(Path(folder, "lake"), stripe, options)
        for what, *facts in history:
            getattr(world, what)(*facts)
        world.finish()
        assert_true(world.lake, stripe, "charges", world.ever)

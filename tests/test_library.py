"""The compiled half by itself: pairs of rows and checkpoints, to be written anywhere."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from stripe_raw_rs import Attempt, Client, History, InterruptedRunError, UsageError
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Callable


def test_an_interrupted_run_hands_over_its_pages() -> None:
    with StripeSimulator(counts={"charges": 5_000}, latency_ms=50) as stripe:
        client = Client(KEY, api_base_url=stripe.url, commit_interval_seconds=0.0)
        run = begun(client)
        next(run)
        client.interrupt()
        with pytest.raises(InterruptedRunError):
            for _ in run:
                pass


def begun(client: Client, entity: str = "charges") -> Attempt:
    """A first run: the next call is the first request."""
    return client.attempt(entity, History(entity), store_id="mine", owner="me")


def test_pairs_can_be_written_anywhere(stripe: StripeSimulator) -> None:
    run = begun(Client(KEY, api_base_url=stripe.url))
    pairs = [(pa.table(rows), pa.table(checkpoint)) for rows, checkpoint in run]
    found = pa.concat_tables(rows for rows, _ in pairs)
    assert sorted(found["_stripe_id"].to_pylist()) == sorted(stripe.ids("charges"))
    (claimed, claim), *_, (_, last) = pairs
    assert claimed.num_rows == 0, "before any row"
    assert claim["event_type"].to_pylist() == ["RUN_STARTED"]
    assert last["event_type"].to_pylist()[-1] == "RUN_COMPLETED"
    assert len(run.ended() or []) == 0, "the end came with the last pair"


def test_a_list_without_objects_is_one_pair_without_rows() -> None:
    with StripeSimulator(counts={"charges": 0}) as stripe:
        run = begun(Client(KEY, api_base_url=stripe.url))
        [(rows, checkpoint)] = run
        assert len(rows) == 0
        events = pa.table(checkpoint)["event_type"].to_pylist()
        assert events == ["RUN_STARTED", "PAGE_COMMITTED", "RUN_COMPLETED"]
        assert len(run.ended() or []) == 0


def test_pairs_also_come_in_a_running_loop(stripe: StripeSimulator) -> None:
    async def collect() -> list[str]:
        run = begun(Client(KEY, api_base_url=stripe.url))
        return [identifier async for rows, _ in run for identifier in pa.table(rows)["_stripe_id"].to_pylist()]

    assert sorted(asyncio.run(collect())) == sorted(stripe.ids("charges"))


def test_a_run_that_is_put_aside_does_not_hold_up_another() -> None:
    """The buffer is shared by all runs: 128 MiB, which this account fills."""
    with StripeSimulator(counts={"charges": 40_000, "refunds": 500}) as stripe:
        client = Client(KEY, api_base_url=stripe.url, commit_interval_seconds=0.0)
        aside = begun(client, "charges")
        next(aside)
        before = -1
        while stripe.entity_requests("charges") > before:
            before = stripe.entity_requests("charges")
            time.sleep(0.3)
        assert before < 400, "the room is full before the list is read"
        assert sum(len(rows) for rows, _ in begun(client, "refunds")) == 500
        aside.close()
        assert sum(len(rows) for rows, _ in begun(client, "charges")) == 40_000


def test_a_history_of_another_account_is_refused(stripe: StripeSimulator) -> None:
    client = Client(KEY, api_base_url=stripe.url)
    with pytest.raises(UsageError, match="another account"):
        client.attempt("charges", History("charges"), store_id="mine", owner="me", accounts=["acct_1other"])


def test_steps_out_of_order_are_refused(stripe: StripeSimulator) -> None:
    client = Client(KEY, api_base_url=stripe.url)
    run = begun(client)
    steps: list[Callable[[], object]] = [run.started, run.fence, run.ended]
    for step in steps:
        with pytest.raises(UsageError, match=r"first pair|not at its end"):
            step()
    _, claim = next(run)
    resumed = client.attempt("charges", History("charges", None, claim), store_id="mine", owner="me")
    assert resumed.resumed
    run.close()
    # Requests in flight still arrive.
    requests = -1
    while stripe.requests > requests:
        requests = stripe.requests
        time.sleep(0.2)
    steps = [resumed.fence, resumed.ended, lambda: next(resumed)]
    for step in steps:
        with pytest.raises(UsageError, match=r"protocol's steps|not at its end"):
            step()
    assert stripe.requests == requests

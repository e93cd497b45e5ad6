"""The compiled half by itself: pairs of rows and checkpoints, to be written anywhere."""

from __future__ import annotations

import asyncio

import pyarrow as pa
import pytest

from stripe_raw_rs import Client, History, InterruptedRunError, Run, checkpoint_schema
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY


def test_an_interrupted_run_hands_over_what_it_has() -> None:
    with StripeSimulator(counts={"charges": 5_000}, latency_ms=50) as stripe:
        client = Client(KEY, api_base_url=stripe.url, commit_interval_seconds=0.0)
        run = _fresh(client)
        next(run)
        client.interrupt()
        with pytest.raises(InterruptedRunError):
            for _ in run:
                pass


def _fresh(client: Client) -> Run:
    nothing = History("charges", None, pa.table(pa.schema(checkpoint_schema()).empty_table()))
    run = client.run("charges", nothing, store_id="00000000-0000-0000-0000-000000000000", owner="test")
    run.started()
    run.fence()
    none = pa.table(pa.schema(checkpoint_schema()).empty_table())
    assert run.recover_events(none) == []
    return run


def test_pairs_can_be_written_anywhere(stripe: StripeSimulator) -> None:
    run = _fresh(Client(KEY, api_base_url=stripe.url))
    pairs = [(pa.table(rows), pa.table(checkpoint)) for rows, checkpoint in run]
    found = pa.concat_tables(rows for rows, _ in pairs)
    assert sorted(found["_stripe_id"].to_pylist()) == sorted(stripe.ids("charges"))
    assert pa.table(run.ended())["event_type"].to_pylist() == ["RUN_COMPLETED"]


def test_pairs_come_in_a_running_loop_too(stripe: StripeSimulator) -> None:
    async def collect() -> list[str]:
        run = _fresh(Client(KEY, api_base_url=stripe.url))
        return [identifier async for rows, _ in run for identifier in pa.table(rows)["_stripe_id"].to_pylist()]

    assert sorted(asyncio.run(collect())) == sorted(stripe.ids("charges"))

"""The key of a call that executors read for is seen nowhere: not in Spark's UI, event log, plans, logs and errors."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY, events, landed
from tests.connected import EACH, OWN, platform
from tests.spark.key_places import MODES, watch
from tests.spark.own_spark import kill_after, workers_below
from tests.test_canary import assert_absent

if TYPE_CHECKING:
    from pathlib import Path

# It takes a minute and more, as the tests that end processes do.
pytestmark = [pytest.mark.spark40, pytest.mark.kill, pytest.mark.timeout(600)]

ACCOUNTS = 6
# The name of a schema is seen: so the places are looked for in the right way.
WITNESS = "witness_of_places"
# The variables of all of our frames that an error leaves are written down, as trackers of errors do it.
CLIENT = """
import logging, sys, threading
from pyspark.sql import SparkSession
from stripe_raw_rs import ingest

mode, key, whole, broken, witness = sys.argv[-5:]
sys.stdout = sys.stderr
logging.basicConfig(level="DEBUG")
session = SparkSession.builder.getOrCreate()
options = {"api_key_file": key, "catalog": "spark_catalog", "accounts": "all",
           "entities": "charges", "page_size": 2, "max_concurrent_requests": 2, "max_retries": 1,
           "backoff_base_seconds": 0.01, "distributed": True, "distributed_tasks": 2}

def stopped(session):
    session.stop()

def traced(frame, event, argument):
    frame.f_trace_lines = False
    if event == "call":
        return traced if "stripe_raw_rs" in frame.f_code.co_filename else None
    if event == "exception":
        print("left", frame.f_code.co_name, argument[1])
        for name, value in list(frame.f_locals.items()):
            print("variable", name, repr(value)[:100_000])
    return traced

report = ingest(schema="whole", api_base_url=whole, **options)
report.raise_for_status()
print("landed", report, repr(report), report.to_dict())
# Somebody kills the workers of this one.
threading.settrace(traced)
sys.settrace(traced)
report = ingest(schema=witness, api_base_url=broken, **options)
sys.settrace(None)
threading.settrace(None)
report.raise_for_status()
print("landed", report, repr(report), report.to_dict())
if mode == "connect":
    stopped(session)
"""


@pytest.mark.parametrize("mode", MODES)
def test_the_key_of_a_call_that_executors_read_for_is_seen_nowhere(
    mode: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    lane = request.config.getoption("lane")
    with platform(ACCOUNTS) as whole, platform(ACCOUNTS, latency_ms=200) as broken:
        killer = threading.Thread(target=kill_after, args=[broken, 15, workers_below])
        killer.start()
        # A task whose worker has died is not tried again.
        seen = watch(lane, mode, tmp_path, CLIENT, KEY, whole.url, broken.url, WITNESS)
        killer.join()
    assert "variable executors" in seen.log, "the variables were written down"
    assert "executors could not do it, so this process reads: the rows that wait in table" in seen.log
    # What waits is in the statements and in the plans.
    assert re.search(rf"{WITNESS}`?\.`?stripe_charges_raw_waiting_", seen.events)
    assert WITNESS in seen.pages
    lake = tmp_path / "warehouse" / "whole.db"
    rows = landed(lake, "charges")
    assert rows.num_rows == OWN + ACCOUNTS * EACH
    assert_absent(repr(rows.to_pylist()), "the rows")
    assert_absent(repr(events(lake)), "the events")

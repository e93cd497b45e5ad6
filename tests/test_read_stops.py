"""A reading stops at once, in any hands, and its memory is bounded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import Reading, read
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import wait_for
from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

PROLOGUE = """
import os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import duckdb, polars as pl, pyarrow as pa
from stripe_raw_rs import read
_, key, url = sys.argv
r = read("charges", api_key=key, api_base_url=url)
def drain(stream):
    for batch in stream:
        pass
def elsewhere(take):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(take, r).result()
"""

# The test sends the signal, once Stripe has been asked. A clock that all processes share says when it was seen.
INTERRUPTED = """
try:
    try:
        {take}
    except Exception as error:
        # Another library has made an error of its own of it.
        said = str(error)
        for _ in range(100):
            pass
        print("error", time.monotonic(), said)
except KeyboardInterrupt:
    print("interrupt", time.monotonic(), "")
"""


def run(program: str, url: str) -> str:
    arguments = [sys.executable, "-c", PROLOGUE + program, KEY, url]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# An answer takes four times as long. On an idle machine it is some hundredths of a second.
SECONDS_TO_STOP = 2.0


@pytest.mark.parametrize(
    "take",
    [
        "drain(r)",
        "pa.table(r)",
        "pl.DataFrame(r)",
        "elsewhere(pa.table)",
        "elsewhere(pl.DataFrame)",
        "duckdb.sql('SET threads = 1'); duckdb.sql('SELECT count(*) FROM r').fetchall()",
        "duckdb.sql('SET threads = 4'); duckdb.sql('SELECT count(*) FROM r').fetchall()",
    ],
)
def test_ctrl_c_stops_a_reading_whoever_waits_for_it(take: str) -> None:
    with StripeSimulator(counts={"charges": 2_000}, latency_ms=8_000) as stripe:
        arguments = [sys.executable, "-c", PROLOGUE + INTERRUPTED.format(take=take), KEY, stripe.url]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
            wait_for(lambda: stripe.requests > 0)
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            how, seen, said = (*child.communicate(timeout=60)[0].strip().split(" ", 2), "")[:3]
        assert child.returncode == 0
    assert float(seen) - sent < SECONDS_TO_STOP
    assert how == "interrupt" or "interrupted" in said


@pytest.mark.parametrize(
    "wait", ["threading.Event().wait(9)", "os.read(os.pipe()[0], 1)", "subprocess.run(['sleep', '9'])"]
)
def test_ctrl_c_stops_whatever_waits_after_a_reading(wait: str) -> None:
    program = f"""
import subprocess
duckdb.sql("SELECT count(*) FROM r").fetchall()
began = time.monotonic()
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    {wait}
except KeyboardInterrupt:
    print(time.monotonic() - began)
"""  # noqa: S608 - nothing of it comes from outside
    with StripeSimulator(counts={"charges": 200}) as stripe:
        assert float(run(program, stripe.url)) < SECONDS_TO_STOP + 0.3


def test_a_program_that_treats_ctrl_c_in_its_own_way_goes_on() -> None:
    program = """
signal.signal(signal.SIGINT, lambda *_: print("told", flush=True))
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
duckdb.sql("SET enable_progress_bar = false")
print(duckdb.sql("SELECT count(*) FROM r").fetchall())
"""
    with StripeSimulator(counts={"charges": 200}, latency_ms=1_000) as stripe:
        assert run(program, stripe.url).splitlines() == ["told", "[(200,)]"]


def no_requests_follow(stop: Callable[[Reading], None]) -> None:
    with StripeSimulator(counts={"charges": 20_000}, latency_ms=20) as stripe:
        reading = iter(read("charges", api_key=KEY, api_base_url=stripe.url))
        next(reading)
        stop(reading)
        del reading
        time.sleep(0.2)
        asked = stripe.requests
        time.sleep(0.3)
        assert stripe.requests == asked
        assert asked < 100


def test_dropping_the_iterator_ends_the_requests() -> None:
    no_requests_follow(lambda _: None)


def test_closing_the_iterator_ends_the_requests_and_the_rows() -> None:
    def close(reading: Reading) -> None:
        reading.close()
        assert list(reading) == []

    no_requests_follow(close)


def test_a_caller_that_takes_nothing_stops_the_requests_when_enough_waits() -> None:
    with StripeSimulator(counts={"charges": 200_000}) as stripe:
        reading = iter(read("charges", api_key=KEY, api_base_url=stripe.url))
        next(reading)
        asked = -1
        while asked != stripe.requests:
            asked = stripe.requests
            time.sleep(0.5)
        assert asked < 1_000
        assert sum(len(batch) for batch in reading) == 199_900, "and they go on when it takes them"


# Python, pyarrow and the extension take most of it; 64 MiB of pages may wait.
MOST_MIB = 400
PEAK = """
rows, order = 0, True
for batch in r:
    rows += len(batch)
with open("/proc/self/status") as status:
    (peak,) = (int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))
print(rows, peak)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_list() -> None:
    peaks = []
    for objects in (50_000, 200_000):
        with StripeSimulator(counts={"charges": objects}) as stripe:
            rows, peak = map(int, run(PEAK, stripe.url).split())
        assert rows == objects
        peaks.append(peak)
    print(f"{peaks[0]} MiB, then {peaks[1]} MiB")  # noqa: T201 - what was measured
    assert peaks[1] < MOST_MIB
    assert peaks[1] - peaks[0] < 64


def test_a_forked_process_is_refused_in_one_line() -> None:
    program = """
next(iter(r))
child = os.fork()
if child == 0:
    try:
        pa.table(r)
    except Exception as error:
        print(type(error).__name__, "forked from process" in str(error), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    with StripeSimulator(counts={"charges": 300}) as stripe:
        assert run(program, stripe.url) == "UsageError True"

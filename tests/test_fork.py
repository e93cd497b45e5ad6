"""A forked process has no threads of its parent: calls that need them are refused there, at once and in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

# The beginning of each program; `within` runs an action in a forked child and prints its outcome in one line.
PROLOGUE = '''
import asyncio, os, signal, subprocess, sys
from stripe_raw_rs import ApiKey, Client, History, check, ingest, main, status, verify
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables import open_tables

_, key, url, lake = sys.argv
options = {"api_key": key, "api_base_url": url, "entities": "charges"}

def land():
    return ingest(lake=lake, **options)

def land_elsewhere():
    """In a process of its own, so that this one has not used anything yet."""
    command = [sys.executable, "-m", "stripe_raw_rs", "--lake", lake, "--api-base-url", url, "--entities", "charges"]
    subprocess.run(command, env={**os.environ, "STRIPE_API_KEY": key}, capture_output=True, check=True)

def begun():
    client = Client(key, api_base_url=url, commit_interval_seconds=0.0)
    return client.attempt("charges", History("charges"), store_id="mine", owner="me")

async def all_of(run):
    return [pair async for pair in run]

def within(action):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            print("answered", action())
        except Exception as error:
            print(type(error).__name__, error)
        except BaseException as error:
            print("PAST ALL ERRORS", type(error).__name__, error)
        sys.stdout.flush()
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print("ended" if ended == 0 else f"STOOD STILL ({ended})")
'''
REFUSED = "UsageError this process was forked from process "


def said(program: str, lake: Path, url: str) -> list[str]:
    """The lines that a program prints; neither it nor its forked children outlive this call."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROLOGUE + program, KEY, url, str(lake)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, errors
    return output.splitlines()


@pytest.mark.parametrize("before", ["check(**options)", "land()", "Client(key, api_base_url=url).account_id()"])
@pytest.mark.parametrize("after", ["check(**options)", "land()", "Client(key, api_base_url=url)"])
def test_a_call_that_sends_requests_is_refused_in_a_child_of_a_process_that_has_sent_some(
    lake: Path, stripe: StripeSimulator, before: str, after: str
) -> None:
    refused, ended = said(f"{before}\nwithin(lambda: {after})", lake, stripe.url)
    assert refused.startswith(REFUSED)
    assert "spawn" in refused
    assert ended == "ended"


@pytest.mark.parametrize(
    "action",
    [
        "client.account_id()",
        "client.ask_account_id()",
        'client.probe("charges")',
        "next(run)",
        "asyncio.run(all_of(run))",
        "run.progress()",
        "run.close()",
        "run.started()",
        "run.run_id",
    ],
)
def test_a_child_may_not_use_objects_of_its_parent(lake: Path, stripe: StripeSimulator, action: str) -> None:
    program = f"client, run = Client(key, api_base_url=url), begun()\nnext(run)\nwithin(lambda: {action})"
    refused, ended = said(program, lake, stripe.url)
    assert refused.startswith(REFUSED)
    assert ended == "ended"


def test_a_child_drops_objects_of_its_parent_without_a_word(lake: Path, stripe: StripeSimulator) -> None:
    program = """
run = begun()
first, _ = next(run)
def forget():
    global run
    del run
within(forget)
print(len(first) < 650, len(first) + sum(len(rows) for rows, _ in run))
"""
    assert said(program, lake, stripe.url) == ["answered None", "ended", "True 650"]


@pytest.mark.parametrize(
    "after",
    [
        'main(["status", "--lake", lake])',
        'main(["verify", "--lake", lake])',
        "status(tables=open_tables({'lake': lake}), lookback_seconds=0)",
        "verify(tables=open_tables({'lake': lake})).raise_for_status()",
        "land()",
    ],
)
def test_delta_rs_is_refused_in_a_child_of_a_process_that_has_used_it(
    lake: Path, stripe: StripeSimulator, after: str
) -> None:
    before = 'land_elsewhere(); main(["status", "--lake", lake])'
    *_, refused, ended = said(f"{before}\nwithin(lambda: {after})", lake, stripe.url)
    assert refused.startswith(REFUSED)
    assert ended == "ended"


def test_a_panic_of_delta_rs_in_a_child_is_an_error_like_any_other(lake: Path, stripe: StripeSimulator) -> None:
    """We cannot know who else uses delta-rs in the parent."""
    program = """
from deltalake import DeltaTable
land_elsewhere()
DeltaTable(os.path.join(lake, "stripe_charges_raw")).version()
within(land)
within(lambda: main(["verify", "--lake", lake]))
within(lambda: status(tables=open_tables({"lake": lake}), lookback_seconds=0))
"""
    lines = said(program, lake, stripe.url)
    assert lines[1::2] == ["ended"] * 3
    for line in lines[::2]:
        assert line.startswith("StripeRawError internal error (PanicException): Forked process detected"), line
        assert "spawn" in line


def test_a_child_may_do_everything_if_its_parent_has_done_nothing(lake: Path, stripe: StripeSimulator) -> None:
    program = "client = Client(key, api_base_url=url)\nwithin(lambda: land().exit_code)\nprint(land().exit_code)"
    assert said(program, lake, stripe.url) == ["answered 0", "ended", "0"]


def test_a_child_gets_the_address_of_its_parents_simulator_and_leaves_it_running(lake: Path) -> None:
    program = """
stripe = StripeSimulator(counts={"charges": 3})
within(lambda: stripe.requests)
within(lambda: stripe.ids("charges"))
within(lambda: stripe.stop())
def forget():
    global stripe
    del stripe
within(forget)
within(lambda: check(api_key=key, api_base_url=stripe.url, entities="charges").entities[0].state)
with stripe:
    within(stripe.__enter__)
print(stripe.requests)
"""
    lines = said(program, lake, "")
    assert lines[1:12:2] == ["ended"] * 6
    asked, listed, stopped, forgotten, checked, entered = lines[0:12:2]
    refused = "ValueError the simulator runs in the process that this one was forked from"
    assert asked.startswith(refused)
    assert listed.startswith(refused)
    assert (stopped, forgotten, checked) == ("answered None", "answered None", "answered readable")
    assert entered.startswith("answered <StripeSimulator http")
    assert lines[12] == "2"

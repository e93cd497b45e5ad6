"""The command line as people use it: a child process, its exit code, and its output."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, main
from stripe_raw_rs.main import console
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import wait_for
from tests.command import call, command, start, variables
from tests.conftest import DEFAULT, KEY, SCHEMA, Columns, assert_whole, events

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.tables import Tables


def test_a_run_says_what_it_did(lake: Path, stripe: StripeSimulator) -> None:
    done = call("run", "--lake", lake, "--api-base-url", stripe.url)
    assert done.returncode == 0, done.stderr
    for name in DEFAULT:
        assert_whole(lake, stripe, name)
        assert any(line.startswith(name) and "complete" in line for line in done.stdout.splitlines())
    assert "committed" in done.stderr
    assert "\x1b" not in done.stderr
    shown = call("status", "--lake", lake, key=None)
    assert (shown.returncode, shown.stdout.count("complete")) == (0, 5)
    checked = call("verify", "--lake", lake, key=None)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "no findings")


def test_a_run_prints_json_for_machines(lake: Path, stripe: StripeSimulator) -> None:
    done = call("run", "--lake", lake, "--api-base-url", stripe.url, "--output", "json", "--log-format", "json")
    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["level"] for line in done.stderr.splitlines()} <= {"info", "debug"}
    report = json.loads(done.stdout)
    assert [entity["state"] for entity in report["entities"]] == ["complete"] * 5


def test_named_parameters_of_a_job_are_enough(lake: Path, stripe: StripeSimulator, monkeypatch: Any) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    main(["--lake", str(lake), f"--api_base_url={stripe.url}", "--entities=charges"])
    assert_whole(lake, stripe, "charges")
    with pytest.raises(UsageError, match="charged"):
        main(["--lake", str(lake), "--entities=charged"])


@pytest.mark.parametrize(
    ("arguments", "key", "said"),
    [
        (("--entities", "charge"), KEY, "charges"),
        (("--page-size", "0"), KEY, "1 to 100"),
        (("--page-size", "101"), KEY, "1 to 100"),
        (("--lookback-seconds", "-1"), KEY, "--lookback-seconds"),
        ((), "pk_test_123456789", "pk_"),
        ((), "hello", "sk_"),
        ((), None, "STRIPE_API_KEY"),
        (("--api-base-url", "http://example.com"), KEY, "https"),
        (("--api-base-url", "ftp://localhost"), KEY, "https"),
        (("--api-base-url", "http://127.0.0.1:9"), "rk_live_CANARYcanary0123456789", "test"),
        (("--start", "2999-01-01"), KEY, "future"),
        (("--checkpoint-table", "../x"), KEY, "letters, digits and underscores"),
        (("--unknown", "1"), KEY, "unknown option"),
    ],
)
def test_bad_input_ends_in_one_line_and_nothing_is_written(
    lake: Path, arguments: tuple[str, ...], key: str | None, said: str
) -> None:
    done = call("run", "--lake", lake, *arguments, key=key)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("stripe-raw: error: ")
    assert said in line
    assert "CANARY" not in line
    assert not lake.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "80000"), "--port cannot be 80000"),
        (("--port", "-1"), "--port cannot be -1"),
        (("--objects", "9" * 20), f"--objects cannot be {'9' * 20}"),
        (("--rate-limit", "0"), "--rate-limit must be more than 0 requests a second"),
        (("--faults", "x"), "fault 'x': say when, as in reset@n7 or reset@p0.01"),
        (("--latency-ms", "-1"), "--latency-ms cannot be -1"),
        (("--connected-accounts", "-1"), "--connected-accounts cannot be -1"),
        (("--sublist-items", "10"), "--sublist-items must be 0, or from 11 to 100000"),
        (("--account-objects", "9" * 12), "a list of the simulator starts with at most 100000000 objects"),
    ],
)
def test_impossible_settings_of_a_simulator_are_refused(arguments: tuple[str, ...], said: str) -> None:
    done = call("simulate", *arguments, key=None)
    assert (done.returncode, done.stderr) == (2, f"stripe-raw: error: {said}\n")


def test_a_simulator_whose_port_is_taken_is_refused(stripe: StripeSimulator) -> None:
    done = call("simulate", "--port", stripe.port, key=None)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(stripe.port) in done.stderr


def test_an_impossible_lake_is_refused(tmp_path: Path, stripe: StripeSimulator) -> None:
    (tmp_path / "file").write_text("mine")
    done = call("run", "--lake", tmp_path / "file", "--api-base-url", stripe.url)
    assert done.returncode == 2
    assert str(tmp_path / "file") in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "complete"), [("stripe_ingestion_checkpoints", 2, 0), ("stripe_refunds_raw", 1, 4)]
)
def test_a_table_with_other_columns_is_refused(
    tables: Tables, stripe: StripeSimulator, name: str, code: int, complete: int
) -> None:
    tables.table(name).create(Columns(SCHEMA), {}, "")  # type: ignore[arg-type]
    done = call("run", "--lake", tables.location, "--api-base-url", stripe.url)
    assert (done.returncode, done.stdout.count("complete")) == (code, complete)
    assert done.stderr.count("another schema") == 1


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_a_run_is_the_same_if_nobody_reads_its_output(lake: Path, stripe: StripeSimulator, closed: str) -> None:
    line = shlex.join(command("run", "--lake", lake, "--api-base-url", stripe.url, "--entities", "refunds"))
    done = subprocess.run(["sh", "-c", f"{line} {closed}"], env=variables(KEY, {}), check=False)
    assert done.returncode == 0
    assert_whole(lake, stripe, "refunds")


@pytest.mark.parametrize(("before", "after"), [(None, "narenas:1,"), ("narenas:8", "narenas:8")])
def test_the_command_makes_delta_rs_return_freed_memory_and_the_library_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], before: str | None, after: str
) -> None:
    name = "_RJEM_MALLOC_CONF"
    monkeypatch.setenv(name, before or "")
    if before is None:
        monkeypatch.delenv(name)
    main(["entities"])
    assert os.environ.get(name) == before
    monkeypatch.setattr(sys, "argv", ["stripe-raw", "entities"])
    assert console() == 0
    assert os.environ[name].startswith(after)
    assert "charges" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_in_good_order(lake: Path, number: signal.Signals) -> None:
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 20_000), latency_ms=30) as stripe:
        child = start("run", "--lake", lake, "--api-base-url", stripe.url, "--commit-interval-seconds", "0.5")
        wait_for(lambda: len(events(lake, "event_type = 'PAGE_COMMITTED'")) > 5)
        began = time.monotonic()
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
        assert child.returncode == 130, said
        assert time.monotonic() - began < 5
        failed = events(lake, "event_type = 'RUN_FAILED'")
        assert {event["error_class"] for event in failed} == {"Interrupted"}
        assert len(failed) == 5


def test_one_of_two_processes_steps_back(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 3_000}, latency_ms=100) as stripe:
        arguments = ("run", "--lake", lake, "--api-base-url", stripe.url, "--entities", "charges")
        first = start(*arguments, "--commit-interval-seconds", "0.3", "--max-requests-per-second", "8")
        wait_for(lambda: events(lake, "event_type = 'RUN_STARTED'"))
        second = call(*arguments)
        assert second.returncode == 75
        assert str(first.pid) in second.stderr
        first.communicate(timeout=60)
        assert first.returncode == 0
        assert_whole(lake, stripe, "charges")


def test_the_demo_can_be_repeated_and_leaves_other_folders_alone(tmp_path: Path) -> None:
    lake = tmp_path / "demo"
    for _ in range(2):
        done = call("demo", "--lake", lake, key=None)
        assert done.returncode == 0, done.stderr
        assert all(word in done.stdout for word in ("duckdb", "polars", "pyspark"))
    assert lake.stat().st_mode & 0o777 == 0o700
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    refused = call("demo", "--lake", tmp_path / "mine", key=None)
    assert (refused.returncode, (tmp_path / "mine" / "file").read_text()) == (2, "mine")


def test_entities_lists_the_registry() -> None:
    lines = call("entities", key=None).stdout.splitlines()
    assert len(lines) == 1 + 79 + 38
    assert sum("comes with them where they are cut off" in line for line in lines) == 6
    assert sum(" default" in line for line in lines[1:]) == 5


def test_importing_is_light() -> None:
    code = "import sys, stripe_raw_rs; print({'deltalake', 'pyarrow', 'pyspark', 'arro3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

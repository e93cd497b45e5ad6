"""An error is reported once, whole, and in the form that was asked for."""

from __future__ import annotations

import importlib
import json
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import StripeRawError, UsageError, main
from stripe_raw_rs.cli.log import JsonFormatter, TextFormatter
from stripe_raw_rs.entity_result import EntityResult
from stripe_raw_rs.report import Report
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import wait_for
from tests.command import call, start
from tests.conftest import DEFAULT, events, tamper

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

REFUSED = "give the restricted key read permission"


def test_an_error_of_a_list_is_reported_once_and_summed_up_last(lake: Path) -> None:
    with StripeSimulator(objects=50, denied=["charges"]) as stripe:
        done = call("run", "--lake", lake, "--api-base-url", stripe.url, "--entities", "charges,invoices,payouts")
    assert done.returncode == 1
    assert (done.stderr.count(REFUSED), done.stdout.count(REFUSED)) == (1, 0)
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["charges", "failed"],
        ["invoices", "complete"],
        ["payouts", "complete"],
    ]
    assert done.stderr.splitlines()[-1] == "stripe-raw: error: 1 of 3 lists failed (charges)"


def test_check_reports_each_error_once() -> None:
    with StripeSimulator(objects=50, denied=["charges"]) as stripe:
        done = call("check", "--api-base-url", stripe.url)
    assert (done.stdout + done.stderr).count(REFUSED) == 1
    assert done.stderr.splitlines()[-1] == "stripe-raw: error: 1 of 5 lists cannot be read (charges)"


def test_the_error_in_python_has_all_errors_of_the_lists() -> None:
    words = " ".join(f"word{number}" for number in range(300))
    lists = tuple(EntityResult(f"list_{number}", error=UsageError(f"{words} end")) for number in range(42))
    with pytest.raises(UsageError) as raised:
        Report("lake", lists, 1.0).raise_for_status()
    assert str(raised.value).count(f"{words} end") == 42
    assert raised.value.summary == f"42 of 42 lists failed ({', '.join(result.entity for result in lists)})"


def test_our_own_words_are_never_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(f"word{number}" for number in range(300))
    record = logging.LogRecord("stripe_raw_rs", logging.ERROR, __file__, 1, "%s end", (words,), None)
    assert TextFormatter().format(record).endswith(f"{words} end")
    assert json.loads(JsonFormatter().format(record))["message"] == f"{words} end"

    def fail(_config: object) -> None:
        raise StripeRawError(words)

    command_line = importlib.import_module("stripe_raw_rs.main")
    monkeypatch.setattr(command_line, "execute", fail)
    monkeypatch.setattr(sys, "argv", ["stripe-raw", "entities"])
    assert command_line.console() == 1
    assert capsys.readouterr().err == f"stripe-raw: error: {words}\n"


def json_lines(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(line["message"], str) and line["message"] for line in lines)
    return lines


def test_each_json_line_has_a_message_and_the_last_one_names_the_failed_lists(lake: Path) -> None:
    with StripeSimulator(objects=50, denied=["charges"]) as stripe:
        done = call("run", "--lake", lake, "--api-base-url", stripe.url, "--output", "json", "--log-format", "json")
    lines = json_lines(done.stderr)
    assert any(line["message"].startswith("invoices: complete, ") for line in lines)
    last = lines[-1]
    assert (last["level"], last["exit_code"], last["message"]) == ("error", 1, "1 of 5 lists failed (charges)")
    messages = {entity["entity"]: entity["message"] for entity in json.loads(done.stdout)["entities"]}
    assert REFUSED in messages["charges"]


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("run", "--log-format=json"), {}, "it must be said where the tables are"),
        (("run", "--log_format", "json", "--lakes", "x"), {}, "unknown option '--lakes'"),
        (("rum", "--log-format", "json"), {}, "unknown command 'rum'"),
        (("status",), {"STRIPE_RAW_LOG_FORMAT": "json", "STRIPE_RAW_LAKE": "/nowhere"}, "/nowhere"),
        (("run", "--log-format=text", "--log-format", "json", "--page-size", "x"), {}, "--page-size must be a whole"),
    ],
)
def test_the_last_line_is_json_whatever_is_wrong(
    arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    done = call(*arguments, **environment)
    assert done.returncode == 2
    (line,) = json_lines(done.stderr)
    assert (line["level"], line["exit_code"]) == ("error", 2)
    assert said in line["message"]


def test_an_interrupt_prints_the_report_and_its_last_line_names_the_interrupted_lists(lake: Path) -> None:
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 20_000), latency_ms=30) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--commit-interval-seconds", "0.5")
        child = start("run", *given, "--output", "json", "--log-format", "json")
        wait_for(lambda: len(events(lake, "event_type = 'PAGE_COMMITTED'")) > 5)
        child.send_signal(signal.SIGINT)
        printed, said = child.communicate(timeout=30)
    assert child.returncode == 130
    assert {entity["state"] for entity in json.loads(printed)["entities"]} == {"interrupted"}
    last = json_lines(said)[-1]
    assert last["exit_code"] == 130
    assert last["message"].startswith("interrupted: all that had been read is committed; 5 of 5 lists interrupted (")


def test_verify_prints_its_findings_as_json(
    lake: Path, stripe: StripeSimulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "rk_test_any")
    place = ("--lake", str(lake), "--output", "json")
    main(["run", *place, "--entities", "charges,refunds", "--api-base-url", stripe.url])
    capsys.readouterr()
    main(["verify", *place])
    printed = json.loads(capsys.readouterr().out)
    assert (printed["tables"], [audit["findings"] for audit in printed["entities"]]) == (str(lake), [[], []])
    charges = next(audit for audit in printed["entities"] if audit["entity"] == "charges")
    assert charges["rows"] == len(stripe.ids("charges"))

    def without_first(rows: pa.Table) -> pa.Table:
        return rows.slice(1)

    tamper(lake, "stripe_charges_raw", without_first)
    with pytest.raises(StripeRawError, match="1 finding in"):
        main(["verify", *place])
    printed = json.loads(capsys.readouterr().out)
    (charges,) = [audit for audit in printed["entities"] if audit["findings"]]
    assert [finding["kind"] for finding in charges["findings"]] == ["rows missing"]

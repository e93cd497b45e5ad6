"""The sums, exit codes and forms of a report."""

from __future__ import annotations

import json
import logging
import pickle

import pytest

from stripe_raw_rs.cli.log import JsonFormatter, TextFormatter
from stripe_raw_rs.entity_result import EntityResult
from stripe_raw_rs.exceptions import (
    AuthenticationError,
    FencedError,
    HeldError,
    InterruptedRunError,
    StripeRawError,
    UsageError,
)
from stripe_raw_rs.report import IngestInterrupted, Report
from stripe_raw_rs.text import date_time


def report(*errors: BaseException | None) -> Report:
    return Report("/lake", tuple(EntityResult(f"entity{n}", error=error) for n, error in enumerate(errors)), 1.0)


def test_an_interrupt_goes_with_its_report_from_one_process_to_another() -> None:
    interrupted = IngestInterrupted(report(InterruptedRunError("i"), None))
    there = pickle.loads(pickle.dumps(interrupted))  # noqa: S301 - our own
    assert (str(there), there.report.exit_code) == (str(interrupted), 130)


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ((), 0),
        ((None, None), 0),
        ((None, HeldError("h")), 75),
        ((FencedError("f"), None), 75),
        ((HeldError("h"), AuthenticationError("a")), 1),
        ((HeldError("h"), UsageError("u")), 2),
        ((UsageError("u"), ValueError("bug")), 1),
        ((InterruptedRunError("i"), AuthenticationError("a"), HeldError("h")), 130),
    ],
)
def test_the_gravest_decides(errors: tuple[BaseException | None, ...], code: int) -> None:
    assert report(*errors).exit_code == code


def test_raising_keeps_class_fields_and_all_lines() -> None:
    refused = AuthenticationError("no such key", status=401, request_id="req_1")
    with pytest.raises(AuthenticationError, match=r"^entity1: no such key; entity0: held$") as raised:
        report(HeldError("held"), refused, None).raise_for_status()
    assert (raised.value.status, raised.value.request_id, raised.value.exit_code) == (401, "req_1", 1)
    report(None).raise_for_status()
    with pytest.raises(StripeRawError, match="entity0: ValueError: two lines"):
        report(ValueError("two\nlines")).raise_for_status()


def test_a_report_is_a_table_with_its_errors_below() -> None:
    done = EntityResult("charges", "01J", 12, 1_234, 66, 13, 1, 5_000_000, 2.0, 1_700_000_000)
    text = str(Report("/lake", (done, EntityResult("refunds", error=HeldError("held by x"))), 2.0))
    head, first, second, line = text.splitlines()
    assert head.split()[:4] == ["entity", "state", "pages", "objects"]
    assert first.split() == [
        "charges",
        "complete",
        "12",
        "1,234",
        "66",
        "650",
        "13",
        "1",
        "5.0",
        "2.0",
        *date_time(1_700_000_000).split(),
    ]
    assert second.split()[:2] == ["refunds", "held"]
    assert line == "refunds: held by x"


def test_a_report_is_json_and_html() -> None:
    bad = report(None, ValueError("<script>"))
    assert json.loads(json.dumps(bad.to_dict()))["entities"][1]["error_class"] == "Internal"
    assert "<script>" not in bad._repr_html_()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_no_text_forges_a_line_or_shows_a_key(formatter: logging.Formatter) -> None:
    error = ValueError("rk_test_CANARY\n2026 info all is well")
    trace = (ValueError, error, None)
    record = logging.LogRecord("stripe_raw_rs", logging.INFO, "", 0, "a\nb %s", ("sk_live_CANARY",), trace)
    text = formatter.format(record)
    assert "CANARY" not in text
    first, *others = text.split("\n")
    assert "a b sk_***" in first
    assert all(line.startswith("    ") for line in others)
    if isinstance(formatter, JsonFormatter):
        assert json.loads(text)["message"] == "a b sk_***"

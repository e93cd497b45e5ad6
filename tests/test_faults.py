"""What goes wrong on the wire ends in complete data or in one clear line, never in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import (
    AnswerError,
    AuthenticationError,
    ConnectionFailedError,
    PermissionMissingError,
    RequestError,
    ServerError,
    ingest,
)
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.verify import verify
from tests.conftest import KEY, assert_whole, events, landed
from tests.places import tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Report, StripeRawError

QUICK: dict[str, Any] = {
    "entities": "charges",
    "backoff_base_seconds": 0.01,
    "backoff_max_seconds": 0.02,
    "request_timeout_seconds": 0.5,
    # The fourth request is for the fourth page. Faults in parallel: tests/test_limits.py, tests/histories.rs.
    "max_concurrent_requests": 1,
}


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    return ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **{**QUICK, **options})


@pytest.mark.parametrize("when", ["n1", "n4", "n7"])
@pytest.mark.parametrize(
    "fault",
    [
        "status=409",
        "status=424",
        "status=429/reason=endpoint-rate",
        "status=429/reason=none",
        "status=500",
        "status=502",
        "status=503/retry-after=0",
        "status=504",
        "status=400/should-retry=true",
        "reset",
        "cut",
        "truncate",
        "hang",
    ],
)
def test_what_passes_by_itself_is_tried_again(lake: Path, stripe: StripeSimulator, fault: str, when: str) -> None:
    stripe.set_faults(f"{fault}@charges:{when}")
    report = land(lake, stripe)
    report.raise_for_status()
    assert_whole(lake, stripe, "charges")
    verify(tables_of(lake), say=lambda _line: None)


@pytest.mark.parametrize("when", ["n1", "n4", "n7"])
@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("status=400", RequestError, "Stripe answered 400"),
        ("status=401", AuthenticationError, "check that the key"),
        ("status=403", PermissionMissingError, "read permission"),
        ("status=404", RequestError, "check the base URL"),
        ("status=302", ConnectionFailedError, "never followed"),
        ("status=500/should-retry=false", ServerError, "Stripe answered 500"),
        ("html", AnswerError, "JSON"),
        ("wrong_object", AnswerError, "charge"),
    ],
)
def test_what_does_not_pass_is_one_clear_line(  # noqa: PLR0913, PLR0917 - the table's columns
    lake: Path, stripe: StripeSimulator, fault: str, when: str, error: type[StripeRawError], words: str
) -> None:
    stripe.set_faults(f"{fault}@charges:{when}")
    report = land(lake, stripe)
    assert report.exit_code == 1
    with pytest.raises(error, match=words) as raised:
        report.raise_for_status()
    line = str(raised.value)
    assert "\n" not in line
    assert "charges" in line
    (failed,) = events(lake, "event_type = 'RUN_FAILED'")
    assert (failed["error_class"], failed["error_message"]) == (error.error_class, line)
    # Nothing that was read is lost, and the next run goes on from there.
    stripe.reset_faults()
    land(lake, stripe).raise_for_status()
    assert_whole(lake, stripe, "charges")
    verify(tables_of(lake), say=lambda _line: None)


def test_retries_come_to_an_end(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("status=503@charges:n3+")
    with pytest.raises(ServerError, match="after 4 retries"):
        land(lake, stripe, max_retries=4).raise_for_status()
    assert stripe.entity_requests("charges") == 2 + 1 + 4


def test_nobody_listening_is_one_clear_line(lake: Path) -> None:
    stripe = StripeSimulator(objects=1)
    stripe.stop()
    with pytest.raises(ConnectionFailedError, match=r"no connection .*refused"):
        land(lake, stripe, max_retries=2).raise_for_status()


@pytest.mark.parametrize("when", ["n2", "n4", "n7"])
def test_an_empty_page_that_promises_more_is_not_the_end(lake: Path, stripe: StripeSimulator, when: str) -> None:
    stripe.set_faults(f"empty@charges:{when}")
    land(lake, stripe).raise_for_status()
    assert_whole(lake, stripe, "charges")
    verify(tables_of(lake), say=lambda _line: None)


def test_an_empty_first_page_that_promises_more_is_an_error(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("empty@charges:n1")
    with pytest.raises(AnswerError, match="empty first page"):
        land(lake, stripe).raise_for_status()


def test_a_page_that_comes_again_is_an_error(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("repeat@charges:n3")
    with pytest.raises(AnswerError, match=r"newest first|earlier page again"):
        land(lake, stripe).raise_for_status()


def test_a_cursor_that_vanishes_each_time_still_ends_whole(lake: Path) -> None:
    with StripeSimulator(seed=3, counts={"invoices": 230}) as stripe:
        everything = stripe.ids("invoices")
        stripe.set_faults("vanish@invoices:p0.2")
        land(lake, stripe, entities="invoices", page_size=10).raise_for_status()
        assert len(stripe.ids("invoices")) < len(everything), "some did vanish"
        rows = landed(lake, "invoices", "_stripe_id").column(0).to_pylist()
        # Each was read before it vanished.
        assert sorted(rows) == sorted(everything)
        verify(tables_of(lake), say=lambda _line: None)


def test_a_permission_that_is_missing_is_named_and_the_others_go_on(lake: Path) -> None:
    with StripeSimulator(objects=200, denied=["refunds"]) as stripe:
        report = land(lake, stripe, entities="")
        states = {result.entity: result.state for result in report.entities}
        assert states.pop("refunds") == "failed"
        assert set(states.values()) == {"complete"}
        with pytest.raises(PermissionMissingError, match=r"rak_\w+_read.*request req_") as raised:
            report.raise_for_status()
        assert raised.value.status == 403
        assert (raised.value.request_id or "").startswith("req_")


def test_limits_are_kept_with_however_many_tries(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 1_500}, endpoint_rate_limit=40) as stripe:
        report = land(lake, stripe, page_size=20, backoff_max_seconds=0.1, max_retries=50)
        report.raise_for_status()
        assert_whole(lake, stripe, "charges")

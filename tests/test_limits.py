"""Stripe's limits over a real socket: known limits are kept, unknown ones are found. And a budget of requests."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import BudgetError, ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables import open_tables
from tests.conftest import DEFAULT, KEY, assert_whole, events
from tests.places import tables_of
from tests.stepped import SteppedTables

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Report

QUICK: dict[str, Any] = {"backoff_base_seconds": 0.05, "backoff_max_seconds": 0.5}


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    return ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **{**QUICK, **options})


def statuses(stripe: StripeSimulator) -> set[int]:
    return {status for _, _, status in stripe.request_log()}


def parts(lake: Path) -> int:
    return len({event["range_lt"] for event in events(lake, "event_type = 'PAGE_COMMITTED'")})


def test_a_limit_that_is_known_is_never_exceeded(lake: Path) -> None:
    counts = dict.fromkeys(DEFAULT, 200)
    with StripeSimulator(counts=counts, rate_limit=60, endpoint_rate_limit=25, latency_ms=100) as stripe:
        limits = {"max_requests_per_second": 60, "max_requests_per_second_per_endpoint": 25}
        land(lake, stripe, page_size=4, **limits).raise_for_status()
        assert statuses(stripe) == {200}
        for name in DEFAULT:
            assert_whole(lake, stripe, name)


@pytest.mark.parametrize("limit", ["rate_limit", "endpoint_rate_limit"])
def test_a_limit_that_is_not_known_is_found_by_its_refusals(lake: Path, limit: str) -> None:
    limits: dict[str, Any] = {limit: 40}
    with StripeSimulator(counts={"charges": 300}, latency_ms=20, **limits) as stripe:
        report = land(lake, stripe, entities="charges", page_size=4)
        report.raise_for_status()
        assert statuses(stripe) == {200, 429}
        refused = [status for _, _, status in stripe.request_log()].count(429)
        assert refused == report.entities[0].retries
        assert refused < 75, "the rate is lowered below the limit, not to a share of a rate that is far above it"
        assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_refusal_for_too_many_requests_at_once_lowers_their_number(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 400}, latency_ms=20) as stripe:
        stripe.set_faults("status=429/reason=endpoint-concurrency@p0.1")
        land(lake, stripe, entities="charges", page_size=4).raise_for_status()
        assert_whole(lake, stripe, "charges")


@pytest.mark.parametrize("fault", ["status=500", "reset", "truncate", "html", "hang", "status=429/reason=none"])
def test_faults_of_any_kind_while_a_list_is_read_in_parts_lose_nothing(lake: Path, fault: str) -> None:
    with StripeSimulator(counts={"invoices": 400}, latency_ms=5) as stripe:
        stripe.set_faults(f"{fault}@p0.05")
        options: dict[str, Any] = {"page_size": 4, "request_timeout_seconds": 0.5}
        # An answer that is not Stripe's ends a run, and the next one goes on.
        assert any(land(lake, stripe, entities="invoices", **options).exit_code == 0 for _ in range(20))
        assert parts(lake) > 4
        assert_whole(lake, stripe, "invoices")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_list_is_read_in_parts_if_slots_are_idle_and_a_small_window_in_one_request(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 400}, latency_ms=20) as stripe:
        land(lake, stripe, entities="charges", page_size=4).raise_for_status()
        assert parts(lake) > 4
        assert_whole(lake, stripe, "charges")
        stripe.add("charges", 2)
        before = stripe.entity_requests("charges")
        land(lake, stripe, entities="charges", lookback_seconds=0).raise_for_status()
        assert stripe.entity_requests("charges") - before == 1
        assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_budget_ends_a_run_at_a_page_and_the_next_one_goes_on(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 400, "refunds": 400}, latency_ms=10) as stripe:
        options: dict[str, Any] = {"entities": "charges,refunds", "page_size": 4}
        report = land(lake, stripe, max_requests=50, **options)
        assert report.exit_code == 1
        assert stripe.entity_requests("charges") + stripe.entity_requests("refunds") == 50
        assert sum(result.pages for result in report.entities) == 50, "each page that was asked for is kept"
        with pytest.raises(BudgetError, match="max_requests 50 is used up"):
            report.raise_for_status()
        assert {event["error_class"] for event in events(lake, "event_type = 'RUN_FAILED'")} == {"Budget"}
        land(lake, stripe, **options).raise_for_status()
        runs = {event["run_id"] for event in events(lake, "event_type = 'PAGE_COMMITTED'")}
        assert len(runs) == 4, "both go on, and then look for new objects"
        for name in ("charges", "refunds"):
            assert_whole(lake, stripe, name)
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_slow_commit_does_not_hold_up_the_fetching(lake: Path) -> None:
    """The commit waits for pages to be fetched. If the fetching waited for the commit as well, no page would come."""
    with StripeSimulator(counts={"charges": 8_000}, latency_ms=5) as stripe:
        appends = itertools.count()
        waited: list[int] = []

        def step(what: str) -> None:
            if what == "before append stripe_charges_raw" and next(appends) < 2:
                began = stripe.entity_requests("charges")
                until = time.monotonic() + 60
                while stripe.entity_requests("charges") < min(began + 50, 400) and time.monotonic() < until:
                    time.sleep(0.01)
                waited.append(stripe.entity_requests("charges") - began)

        tables = SteppedTables(open_tables({"lake": lake}), step)
        options: dict[str, Any] = {"entities": "charges", "page_size": 20, "commit_interval_seconds": 0.05}
        ingest(tables=tables, api_key=KEY, api_base_url=stripe.url, **options).raise_for_status()
        assert max(waited) >= 50, waited
        assert_whole(lake, stripe, "charges")


def test_the_log_shows_the_requests_to_go_and_warns_of_their_number(
    lake: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stripe_raw_rs")
    with StripeSimulator(counts={"charges": 24_000}) as stripe:
        land(lake, stripe, entities="charges", page_size=4, commit_interval_seconds=0.2).raise_for_status()
    lines = [record.getMessage() for record in caplog.records]
    assert any("requests to go" in line for line in lines)
    (warning,) = [line for line in lines if "Stripe allots an account 10000 reads" in line]
    assert "max_requests" in warning

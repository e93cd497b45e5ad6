"""A product that the account does not have is not an error, unless its list is named; a missing permission is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ProductMissingError, check, entities, ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call
from tests.conftest import KEY, assert_whole, events
from tests.places import tables_of

if TYPE_CHECKING:
    from pathlib import Path

OFF = ("Issuing", "Treasury")
ABSENT = tuple(entity.name for entity in entities() if entity.product in OFF)


def test_lists_that_the_account_does_not_have_are_skipped_and_leave_nothing(lake: Path) -> None:
    with StripeSimulator(objects=40, products_off=OFF) as stripe:
        for _ in range(2):
            before = stripe.requests
            report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="all")
            assert (report.exit_code, report.skipped) == (0, ABSENT)
            assert report.summary == f"{79 - len(ABSENT)} of 79 lists complete, {len(ABSENT)} skipped"
            lines = [line for line in str(report).splitlines() if "issuing_cards" in line]
            assert lines == [
                f"{len(ABSENT)} lists skipped, because the account does not have them: {', '.join(ABSENT)}"
            ]
            assert stripe.requests - before >= 79
        assert {stripe.entity_requests(name) for name in ABSENT} == {2}
        assert_whole(lake, stripe, "charges")
    assert not [folder for folder in lake.iterdir() if any(name in folder.name for name in ABSENT)]
    assert not {event["entity"] for event in events(lake)} & {*ABSENT}
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_list_that_is_named_must_be_there(lake: Path) -> None:
    with StripeSimulator(objects=40, products_off=OFF) as stripe:
        chosen = ("--lake", lake, "--api-base-url", stripe.url, "--entities")
        done = call("run", *chosen, "issuing_cards,charges")
        assert done.returncode == 1
        assert "issuing_cards: Stripe answered 400" in done.stderr
        assert "the account does not have Issuing; leave the entity out" in done.stderr
        (failed,) = events(lake, "event_type = 'RUN_FAILED'")
        assert (failed["entity"], failed["error_class"]) == ("issuing_cards", "Product")
        group = call("run", *chosen, "treasury", "--output", "json")
        assert group.returncode == 0, group.stderr
        (result,) = json.loads(group.stdout)["entities"]
        assert (result["state"], result["rows"]) == ("skipped", 0)
        assert result["skipped"].startswith("treasury_financial_accounts: Stripe answered 404")


def test_a_list_that_was_there_before_is_not_skipped(lake: Path) -> None:
    with StripeSimulator(objects=40) as stripe:
        port = stripe.port
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="issuing").raise_for_status()
    with StripeSimulator(objects=40, port=port, products_off=OFF) as stripe:
        report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="issuing")
        assert (report.exit_code, report.skipped) == (1, ())


def test_a_list_that_once_failed_is_skipped_as_soon_as_nobody_names_it(lake: Path) -> None:
    with StripeSimulator(objects=40, products_off=OFF) as stripe:
        given: dict[str, Any] = {"lake": lake, "api_key": KEY, "api_base_url": stripe.url}
        assert ingest(**given, entities="issuing_cards").exit_code == 1
        for _ in range(2):
            report = ingest(**given, entities="issuing")
            assert (report.exit_code, len(report.skipped)) == (0, 7)
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_missing_permission_is_a_failure_beside_lists_that_are_skipped(lake: Path) -> None:
    with StripeSimulator(objects=40, products_off=OFF, denied=["payouts"]) as stripe:
        report = ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="all")
        assert report.exit_code == 1
        assert report.summary == f"1 of 79 lists failed (payouts), {len(ABSENT)} skipped"


def test_a_list_lands_whole_as_soon_as_the_account_has_it(lake: Path) -> None:
    end = 1_790_000_000
    with StripeSimulator(objects=40, seed=3, end=end, products_off=OFF) as stripe:
        port = stripe.port
        assert ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="issuing").skipped
    with StripeSimulator(objects=40, seed=3, end=end, port=port) as stripe:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="issuing").raise_for_status()
        assert_whole(lake, stripe, "issuing_cards")


def test_a_check_names_lists_that_are_absent_and_fails_only_for_those_that_are_named() -> None:
    with StripeSimulator(objects=10, products_off=OFF) as stripe:
        found = check(api_key=KEY, api_base_url=stripe.url, entities="all")
        assert {probe.entity for probe in found.entities if probe.state == "not available"} == {*ABSENT}
        found.raise_for_status()
        with pytest.raises(ProductMissingError, match="does not have Issuing"):
            check(api_key=KEY, api_base_url=stripe.url, entities="issuing_cards").raise_for_status()


def test_an_unknown_product_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown product 'Isuing'"):
        StripeSimulator(products_off=["Isuing"])

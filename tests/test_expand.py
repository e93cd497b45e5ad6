"""Members that Stripe sends only on request are asked for by name, and never those that must not be in a lake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from stripe_raw_rs import UsageError, ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call
from tests.conftest import KEY, events

if TYPE_CHECKING:
    from pathlib import Path


def requests_of(stripe: StripeSimulator, path: str) -> list[str]:
    """The requests to a list, in the order in which they came."""
    return [unquote(target) for _, target, _ in stripe.request_log() if target.startswith(path)]


def test_a_request_asks_for_the_members_of_its_own_list(lake: Path) -> None:
    with StripeSimulator(objects=40) as stripe:
        chosen = "charges.refunds,prices.tiers"
        lists = "charges,prices,refunds"
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities=lists, expand=chosen).raise_for_status()
        assert all("expand[]=data.refunds" in target for target in requests_of(stripe, "/v1/charges"))
        assert all("expand[]=data.tiers" in target for target in requests_of(stripe, "/v1/prices"))
        assert not any("expand" in target for target in requests_of(stripe, "/v1/refunds"))
    (started, *_) = events(lake, "event_type = 'RUN_STARTED' AND entity = 'charges'")
    assert json.loads(started["settings"])["expand"] == "charges.refunds"


def test_a_run_that_goes_on_keeps_what_it_has_asked_for(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 350}) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges")
        begun = call("run", *given, "--expand", "all", "--max-requests", 1, "--commit-interval-seconds", 0)
        assert begun.returncode == 1, begun.stderr
        assert call("run", *given, "--max-requests", 1, "--commit-interval-seconds", 0).returncode == 1
        assert call("run", *given).returncode == 0
        first, second = requests_of(stripe, "/v1/charges")[:4], requests_of(stripe, "/v1/charges")[-1:]
        assert all("expand[]=data.refunds" in target for target in first)
        assert not any("expand" in target for target in second), "the run after it has today's options"


@pytest.mark.parametrize("choice", ["issuing_cards.number", "issuing_cards.cvc"])
def test_card_numbers_and_codes_are_refused(lake: Path, choice: str) -> None:
    with StripeSimulator(objects=1) as stripe:
        with pytest.raises(UsageError, match="card numbers and verification codes are never landed"):
            ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, expand=choice)
        assert stripe.requests == 0
    assert not lake.exists()

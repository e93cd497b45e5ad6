"""The registry says of each list what Stripe's own OpenAPI description says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stripe_raw_rs import entities
from tests.recipes import output_of, skip_without_go
from tests.specification import NEWER, NEWER_EVENTS, described_in, differences


@pytest.fixture(scope="module")
def module() -> str:
    """The Go module with the description, as the recipe names it."""
    skip_without_go()
    return output_of("--evaluate", "stripe_mock")


def test_only_lists_newer_than_the_description_differ_from_it(module: str) -> None:
    found = differences(described_in(module))
    assert [line for line in found if not line.startswith("event type")] == [
        f"{path} is not in the description" for path in NEWER
    ]
    of_events = [line.removeprefix("event type ") for line in found if line.startswith("event type")]
    assert of_events
    assert all(line.startswith(NEWER_EVENTS) and line.endswith(" is not in the description") for line in of_events)


def test_each_difference_is_a_line(module: str) -> None:
    specification: dict[str, Any] = copy.deepcopy(described_in(module))
    paths, schemas = specification["paths"], specification["components"]["schemas"]
    del paths["/v1/charges"]
    paths["/v1/chargers"] = paths["/v1/payouts"]
    paths["/v1/quotes"]["get"]["parameters"].append({"name": "created"})
    subscriptions = paths["/v1/subscriptions"]["get"]
    subscriptions["parameters"] = [each for each in subscriptions["parameters"] if each["name"] != "status"]
    schemas["coupon"]["required"].remove("created")
    schemas["dispute"]["properties"]["object"]["enum"] = ["argument"]
    schemas["invoiceitem"]["properties"]["created"] = {}
    types = specification["paths"]["/v1/webhook_endpoints"]["post"]["requestBody"]["content"]
    types = types["application/x-www-form-urlencoded"]["schema"]["properties"]["enabled_events"]["items"]["enum"]
    types.remove("charge.updated")
    types.append("charge.forgotten")
    del paths["/v1/transfers/{id}/reversals"]
    paths["/v1/quotes/{quote}/likes"] = paths["/v1/quotes/{quote}/line_items"]
    tokens = paths["/v1/issuing/tokens"]["get"]["parameters"]
    next(each for each in tokens if each["name"] == "card")["name"] = "cards"
    schemas["invoice"]["required"].remove("lines")
    del schemas["charge"]["properties"]["refunds"]
    expected = {
        "/v1/transfers/{id}/reversals is not in the description",
        "/v1/quotes/{id}/likes is not in the registry",
        "/v1/issuing/tokens: parameter is 'card', and described as 'cards'",
        "/v1/invoices/{id}/lines: is_shown is True, and described as False",
        "/v1/charges/{id}/refunds: its objects have no list 'refunds'",
        "event type charge.forgotten belongs to no list",
        "event type charge.updated is not in the description",
        "/v1/chargers is not in the registry",
        "/v1/charges is not in the description",
        "/v1/coupons: window is 'server', and described as 'whole'",
        "/v1/disputes: object is 'dispute', and described as 'argument'",
        "/v1/invoiceitems: time_field is 'date', and described as 'created'",
        "/v1/invoiceitems: window is 'server', and described as 'whole'",
        "/v1/quotes: window is 'client', and described as 'server'",
        "/v1/subscriptions: parameter 'status' is not described",
    }
    known = set(differences(described_in(module)))
    assert set(differences(specification)) - known == expected


def test_every_list_has_a_group_and_groups_are_few() -> None:
    groups = {entity.group for entity in entities()}
    assert {"core", "billing", "connect", "issuing", "treasury", "terminal", "radar", "tax", "identity"} <= groups
    assert len(groups) < 20
    assert [entity.name for entity in entities("identity")] == [
        "identity_verification_reports",
        "identity_verification_sessions",
    ]

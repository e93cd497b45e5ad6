"""Changes of the simulator's objects, as a pipeline in Python meets them."""

from __future__ import annotations

import json

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.asked import get
from tests.conftest import compact

DAY = 86_400


def test_a_change_is_in_the_list_in_the_answer_by_id_and_in_its_event() -> None:
    with StripeSimulator(objects=100, counts={"events": 0}) as stripe:
        one, two, *_ = stripe.ids("charges")
        before = stripe.raw("charges", one)
        told = stripe.change("charges", [one, two, one])
        assert stripe.ids("events") == told[::-1]
        events = [json.loads(stripe.raw("events", event)) for event in told]
        assert [event["data"]["object"]["id"] for event in events] == [one, two, one]
        assert {event["type"] for event in events} == {"charge.updated"}
        assert stripe.raw("charges", one) != before
        assert compact(stripe.raw("charges", one)) in compact(stripe.raw("events", told[2]))
        assert get(stripe, f"/v1/charges/{one}") == (200, events[2]["data"]["object"])
        assert (stripe.retrieves("charges"), stripe.entity_requests("charges")) == (1, 0)
        assert stripe.change("balance_transactions", stripe.ids("balance_transactions")[0]) == []
        (refunded,) = stripe.change("charges", two, "charge.refunded")
        assert json.loads(stripe.raw("events", refunded))["type"] == "charge.refunded"


def test_days_pass_and_events_age_out() -> None:
    with StripeSimulator(objects=100, object_events=True, frozen_clock=True, history_days=20) as stripe:
        assert len(stripe.ids("events")) > 100
        customer = stripe.ids("customers")[0]
        stripe.delete("customers", customer)
        assert get(stripe, f"/v1/customers/{customer}") == (
            200,
            {"id": customer, "object": "customer", "deleted": True},
        )
        last = stripe.ids("events")[0]
        stripe.advance(30 * DAY + 1)
        assert stripe.ids("events") == []
        status, answer = get(stripe, f"/v1/events?starting_after={last}")
        assert (status, "aged out of our retention policy" in answer["error"]["message"]) == (400, True)


def test_late_events_and_cut_sub_lists_are_settings() -> None:
    with StripeSimulator(counts={"events": 0}, event_delay=60, sublist_items=30, frozen_clock=True) as stripe:
        told = stripe.change("invoices", stripe.ids("invoices")[:20])
        assert 0 < len(stripe.ids("events")) < len(told)
        stripe.advance(60)
        assert len(stripe.ids("events")) == len(told)
        invoices = [json.loads(stripe.raw("invoices", id_)) for id_ in stripe.ids("invoices")[:20]]
        cut = next(invoice["lines"] for invoice in invoices if invoice["lines"]["has_more"])
        _, whole = get(stripe, f"{cut['url']}?limit=100")
        assert len(whole["data"]) > len(cut["data"]) == 10
        assert whole["data"][:10] == cut["data"]


@pytest.mark.parametrize(
    ("name", "ids", "event_type"),
    [("charges", "ch_x", None), ("charge", "ch_x", None), ("events", "evt_x", None), ("charges", [], "refund.updated")],
)
def test_a_change_that_is_not_possible_is_refused(name: str, ids: str | list[str], event_type: str | None) -> None:
    with StripeSimulator(objects=10) as stripe, pytest.raises(ValueError, match=r"^[^\n]+$"):
        stripe.change(name, ids, event_type)
    with StripeSimulator(objects=10) as stripe, pytest.raises(ValueError, match="back"):
        stripe.advance(-1)

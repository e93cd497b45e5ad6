"""The lists that single objects have land whole: what the objects show, and what has to be asked of them."""

from __future__ import annotations

import json
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child, steps_of
from tests.conftest import events, landed
from tests.lists import CHILDREN, DAY, HOUR, PARENTS, account, cut, land, result
from tests.oracle import assert_lists_are_the_accounts
from tests.places import tables_of

if TYPE_CHECKING:
    from pathlib import Path

story = pytest.mark.story


@story
def test_each_list_that_an_object_shows_the_beginning_of_lands_whole_and_follows_changes(lake: Path) -> None:
    entities = "events,invoices,subscriptions,radar_value_lists"
    children = ["invoices_lines", "subscription_items", "radar_value_list_items"]
    with account() as stripe:
        report = land(lake, stripe, entities)
        assert_lists_are_the_accounts(lake, stripe, children)
        for child in children:
            assert result(report, child).requests >= len(cut(stripe, child)) > 0
        assert [each.entity for each in land(lake, stripe, entities).entities] == entities.split(",")
        stripe.advance(DAY)
        one, other, *_ = cut(stripe, "invoices_lines")
        # What they show stays the same, and an event tells of them.
        stripe.change_items("invoices", one, added=3)
        stripe.change_items("subscriptions", cut(stripe, "subscription_items")[0], added=1, removed=2)
        stripe.change("invoices", other)
        whole = next(id_ for id_ in stripe.ids("invoices") if len(stripe.items("invoices_lines", id_)) < 9)
        stripe.change_items("invoices", whole, added=1)
        stripe.advance(HOUR)
        report = land(lake, stripe, entities)
        assert_lists_are_the_accounts(lake, stripe, children)
        assert result(report, "invoices").rows == 3
        pages = sum(len(stripe.items("invoices_lines", id_)) // 100 + 1 for id_ in (one, other))
        assert result(report, "invoices_lines").requests == pages
        assert result(report, "radar_value_list_items") is None
    # delta-rs reads the tables, whichever engine wrote them.
    verify(tables=tables_of(lake)).raise_for_status()


def test_every_list_of_single_objects_lands(lake: Path) -> None:
    everything = ",".join(["events", *PARENTS, *(entity.name for entity in CHILDREN)])
    with account(6) as stripe:
        report = land(lake, stripe, everything)
        assert_lists_are_the_accounts(lake, stripe, [entity.name for entity in CHILDREN])
        asked = {entity.name for entity in CHILDREN if not entity.is_shown}
        assert all(result(report, entity.name).requests >= 6 for entity in CHILDREN if not entity.member)
        # Without news they are not asked again; after a week those are whose changes no row shows.
        report = land(lake, stripe, everything)
        assert {name for name in asked if result(report, name).requests > 0} == set()
        stripe.advance(HOUR)
        report = land(lake, stripe, everything, whole_every_days=0)
        again = {entity.name for entity in CHILDREN if not entity.is_reported}
        assert {entity.name for entity in CHILDREN if result(report, entity.name).requests > 0} == again
    verify(tables=tables_of(lake)).raise_for_status()


def test_an_object_that_shows_its_whole_list_because_it_is_expanded_is_not_asked(lake: Path) -> None:
    with account() as stripe:
        report = land(lake, stripe, "customers,customers_tax_ids", expand="customers.tax_ids")
        asked = cut(stripe, "customers_tax_ids")
        parents = {row["_parent_id"] for row in landed(lake, "customers_tax_ids", "_parent_id").to_pylist()}
        assert parents == {*asked} < {*stripe.ids("customers")}
        assert result(report, "customers_tax_ids").requests < 12
        assert_lists_are_the_accounts(lake, stripe, ["customers_tax_ids"])


@pytest.mark.parametrize("changes", ["read", "events"])
def test_an_event_of_an_item_alone_makes_its_list_whole_again(lake: Path, changes: str) -> None:
    entities = "events,customers,customers_tax_ids,customers_sources"
    with account() as stripe:
        land(lake, stripe, entities, changes=changes)
        stripe.advance(DAY)
        one, other, *_ = stripe.ids("customers")
        stripe.change_items("customers", one, added=2, event_type="customer.tax_id.created")
        stripe.change_items("customers", other, removed=1, added=0, event_type="customer.source.deleted")
        stripe.advance(HOUR)
        report = land(lake, stripe, entities, changes=changes)
        assert result(report, "customers").rows == 2
        assert_lists_are_the_accounts(lake, stripe, ["customers_tax_ids", "customers_sources"])
        # Without the lists, such events are nobody's business.
        stripe.change_items("customers", one, added=1, event_type="customer.tax_id.created")
        stripe.advance(HOUR)
        assert result(land(lake, stripe, "events,customers", changes=changes), "customers").rows == 0
    verify(tables=tables_of(lake)).raise_for_status()


def test_nothing_is_asked_written_or_said_unless_a_list_is_cut_off(lake: Path) -> None:
    with StripeSimulator(seed=5, counts={"invoices": 30}) as stripe:
        report = land(lake, stripe, "invoices")
        assert [each.entity for each in report.entities] == ["invoices"]
        assert not (lake / "stripe_invoices_lines_raw").exists()
        assert {event["entity"] for event in events(lake, "true")} == {"invoices"}
        # Named, it has a line of its own.
        report = land(lake, stripe, "invoices,invoices/lines")
        assert [(each.entity, each.state, each.requests) for each in report.entities][1] == (
            "invoices_lines",
            "complete",
            0,
        )


def test_a_list_without_its_parents_in_the_call_follows_what_has_landed_of_them(lake: Path) -> None:
    with account() as stripe:
        assert result(land(lake, stripe, "customers_tax_ids"), "customers_tax_ids").requests == 0
        land(lake, stripe, "customers")
        assert result(land(lake, stripe, "customers_tax_ids"), "customers_tax_ids").requests >= 12
        assert_lists_are_the_accounts(lake, stripe, ["customers_tax_ids"])


def test_a_rows_parent_is_named_and_ids_are_unique_in_one_list_only(lake: Path) -> None:
    with account() as stripe:
        land(lake, stripe, "transfers")
        rows = landed(lake, "transfers_reversals", "_parent_id, _stripe_id, _entity, _raw_json").to_pylist()
        assert {row["_entity"] for row in rows} == {"transfers_reversals"}
        assert {row["_parent_id"] for row in rows} == set(cut(stripe, "transfers_reversals"))
        assert len({row["_stripe_id"] for row in rows}) < len(rows)
        assert len({(row["_parent_id"], row["_stripe_id"]) for row in rows}) == len(rows)
        for row in rows:
            assert json.loads(row["_raw_json"])["id"] == row["_stripe_id"]


@pytest.mark.kill
@pytest.mark.parametrize("is_first", [True, False], ids=["first run, in groups", "later run, each page by itself"])
def test_a_kill_at_any_step_leaves_each_list_whole(tmp_path: Path, is_first: bool) -> None:  # noqa: FBT001
    options: dict[str, Any] = {
        "entities": "events,invoices",
        "page_size": 100 if is_first else 50,
        "max_concurrent_requests": 1,
        "commit_interval_seconds": 3_600 if is_first else 0,
    }
    counts = {"invoices": 8, "events": 0}
    with StripeSimulator(seed=5, counts=counts, frozen_clock=True, history_days=50, sublist_items=80) as stripe:
        whole = tmp_path / "lake"
        if not is_first:
            land(whole, stripe, **options)
            stripe.advance(DAY)
            for id_ in cut(stripe, "invoices_lines")[:2]:
                stripe.change_items("invoices", id_, added=2, removed=1)
            stripe.change("invoices", stripe.ids("invoices")[0])
            stripe.advance(HOUR)

        def begun(name: str) -> Path:
            if not is_first:
                shutil.copytree(whole, tmp_path / name)
            return tmp_path / name

        assert len(cut(stripe, "invoices_lines")) > 1
        steps = steps_of(begun("counted"), stripe, **options)
        assert_lists_are_the_accounts(tmp_path / "counted", stripe, ["invoices_lines"])
        for step in range(1, len(steps) + 1):
            lake = begun(f"lake{step}")
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                assert child.ended() == -signal.SIGKILL
            land(lake, stripe, **options)
            assert_lists_are_the_accounts(lake, stripe, ["invoices_lines"])
            verify(tables=tables_of(lake)).raise_for_status()

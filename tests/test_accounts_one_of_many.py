"""A call for several accounts of which one alone is asked, or one alone goes wrong: it stays one account of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import events
from tests.connected import EACH, OWN, asked, land, landed_of, platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs import EntityResult, Report
    from stripe_raw_rs.simulator import StripeSimulator

WITH_EVENTS = "charges,events"
# So many items each object shows.
SHOWN = 10


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform() as simulator:
        yield simulator


def settle(lake: Path, stripe: StripeSimulator, **options: Any) -> None:
    for _ in range(2):
        land(lake, stripe, **{"entities": WITH_EVENTS, **options}).raise_for_status()


def of(report: Report, name: str) -> EntityResult:
    (result,) = [each for each in report.entities if each.entity == name]
    return result


@pytest.mark.parametrize(("how", "kind"), [("denied", "Permission"), ("revoked", "Request"), ("500", "Server")])
def test_an_account_that_is_asked_alone_and_fails_is_named_with_the_counts(
    lake: Path, stripe: StripeSimulator, how: str, kind: str
) -> None:
    settle(lake, stripe)
    news = stripe.accounts()[1]
    stripe.add("charges", account=news)
    if how == "denied":
        stripe.set_denied(["charges"], account=news)
    elif how == "revoked":
        stripe.set_faults("status=404@charges:p1")
    else:
        stripe.set_faults("status=500@charges:p1")
    since = stripe.requests
    result = of(land(lake, stripe, entities=WITH_EVENTS), "charges")
    assert set(asked(stripe, since)["charges"]) == {news}
    assert (result.state, result.accounts.complete, result.accounts.without_news) == ("failed", 4, 4)
    assert [(each.stripe_account, each.error_class) for each in result.accounts.failed] == [(news, kind)]
    assert str(result.message).startswith(
        f"charges: 4 of 5 accounts complete, 4 of them without news, 1 failed: {news}: "
    )


def test_a_list_that_one_account_lacks_is_never_skipped_as_a_whole(lake: Path) -> None:
    with platform(counts={"issuing_cards": 3}, account_counts={"issuing_cards": 3}) as stripe:
        stripe.set_products_off(["Issuing"], account=stripe.accounts()[1])
        for number in range(3):
            report = land(lake, stripe, entities="issuing,events")
            report.raise_for_status()
            result = of(report, "issuing_cards")
            assert "issuing_cards" not in report.skipped
            assert (result.state, result.accounts.complete, result.accounts.skipped) == ("complete", 4, 1)
            assert (result.accounts.without_news > 0) == (number > 0)


@pytest.mark.parametrize("accounts", ["all", "own"])
def test_the_own_account_stays_the_own_one_if_stripe_does_not_say_which_it_is(
    lake: Path, stripe: StripeSimulator, accounts: str
) -> None:
    names = [stripe.account, stripe.accounts()[0]]
    given: dict[str, Any] = {"accounts": names} if accounts == "all" else {"accounts": None, "stripe_account": names[0]}
    land(lake, stripe, accounts=names).raise_for_status()
    # The first request is the one for the account.
    stripe.set_faults("status=500/should-retry=false@n1")
    land(lake, stripe, **given).raise_for_status()
    stripe.reset_faults()
    land(lake, stripe, **given).raise_for_status()
    assert landed_of(lake) == {None: OWN, names[1]: EACH}


@pytest.mark.parametrize("why", ["denied", "no requests left"])
def test_lists_are_asked_if_this_call_has_not_read_the_events(lake: Path, stripe: StripeSimulator, why: str) -> None:
    settle(lake, stripe)
    accounts = [None, *stripe.accounts()]
    for account in accounts:
        stripe.add("charges", account=account)
        if why == "denied":
            stripe.set_denied(["events"], account=account)
    if why == "no requests left":
        stripe.set_faults("status=401@events:n1+")
    result = of(land(lake, stripe, entities=WITH_EVENTS), "charges")
    assert (result.state, result.accounts.complete, result.accounts.without_news) == ("complete", 5, 0)
    assert landed_of(lake) == {account: (OWN if account is None else EACH) + 1 for account in accounts}


def test_a_list_of_which_no_object_need_be_asked_is_complete_and_asked_in_its_time(lake: Path) -> None:
    names = "radar_value_lists,radar_value_list_items,events"
    counts = {"radar_value_lists": 2}
    with platform(counts=counts, account_counts=counts) as stripe:
        land(lake, stripe, entities=names).raise_for_status()
        items = "entity = 'radar_value_list_items'"
        completed = events(lake, f"{items} and event_type = 'RUN_COMPLETED'")
        assert {event["stripe_account"] for event in completed} == {None, *stripe.accounts()}
        land(lake, stripe, entities=names).raise_for_status()
        begun = {event["run_id"] for event in events(lake, f"{items} and event_type = 'RUN_STARTED'")}
        ended = {event["run_id"] for event in events(lake, f"{items} and event_type = 'RUN_COMPLETED'")}
        assert begun == ended


def test_an_account_with_objects_to_ask_ends_beside_one_that_has_none(lake: Path) -> None:
    names = "radar_value_lists,radar_value_list_items"
    counts = {"radar_value_lists": 2}
    with platform(1, counts=counts, account_counts=counts, sublist_items=30) as stripe:
        one = stripe.accounts()[0]
        for id_ in stripe.ids("radar_value_lists", account=one):
            stripe.delete("radar_value_lists", id_, account=one)
        for _ in range(2):
            land(lake, stripe, entities=names).raise_for_status()
            items = "entity = 'radar_value_list_items'"
            begun = {event["run_id"] for event in events(lake, f"{items} and event_type = 'RUN_STARTED'")}
            ended = {event["run_id"] for event in events(lake, f"{items} and event_type = 'RUN_COMPLETED'")}
            assert begun == ended
        items_of = [stripe.items("radar_value_list_items", id_) for id_ in stripe.ids("radar_value_lists")]
        cut_off = sum(len(items) for items in items_of if len(items) > SHOWN)
        assert landed_of(lake, "radar_value_list_items") == {None: cut_off}

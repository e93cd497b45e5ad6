"""The cost of many accounts in one call, counted: requests, commits, files. A machine's speed does not matter here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import DEFAULT, KEY
from tests.places import commits, tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Report


def run(lake: Path, stripe: StripeSimulator, entities: str) -> Report:
    report = ingest(lake=lake, entities=entities, accounts="all", api_key=KEY, api_base_url=stripe.url)
    report.raise_for_status()
    return report


def test_many_short_lists_share_their_commits_and_none_is_made_twice(lake: Path) -> None:
    counts = {"charges": 20}
    with StripeSimulator(counts={"charges": 20}, connected_accounts=600, account_counts=counts) as stripe:
        report = run(lake, stripe, "charges")
        assert report.entities[0].rows == 601 * 20
        # More accounts than are planned at a time; commits mix them.
        assert max(commits(lake).values()) <= 12
        # The account's own id, the pages of the list of accounts, and one page of each account.
        assert stripe.requests <= 1 + 8 + 601
        before, made = stripe.requests, commits(lake)
        again = run(lake, stripe, "charges")
        assert again.entities[0].rows == 0
        assert stripe.requests - before <= 1 + 8 + 601
        grown = {name: count - made[name] for name, count in commits(lake).items()}
        assert grown["stripe_charges_raw"] == 0
        assert grown["stripe_ingestion_checkpoints"] <= 3


def test_an_account_without_news_costs_the_request_for_its_events(lake: Path) -> None:
    lists = [*DEFAULT, "events"]
    counts = dict.fromkeys(DEFAULT, 3)
    with StripeSimulator(counts=counts, connected_accounts=40, account_counts=counts) as stripe:
        for _ in range(2):
            run(lake, stripe, ",".join(lists))
        accounts = stripe.accounts()
        stripe.change("charges", stripe.ids("charges", account=accounts[3])[0], account=accounts[3])
        before = stripe.requests
        report = run(lake, stripe, ",".join(lists))
        asked = stripe.requests - before
        # One for the events, and one for the list that no event reports; five more for the account that has changed.
        assert asked <= 1 + 1 + 41 * 2 + 6
        found = {result.entity: result for result in report.entities}
        assert found["charges"].accounts.without_news == 40
        assert found["charges"].rows == 1
        assert found["balance_transactions"].accounts.without_news == 0
        verify(tables=tables_of(lake)).raise_for_status()


def test_all_lists_of_several_accounts_land_and_are_followed(lake: Path) -> None:
    with StripeSimulator(objects=200, connected_accounts=4, account_objects=100, sublist_items=12) as stripe:
        first = run(lake, stripe, "all")
        assert len(first.entities) >= 79
        assert {result.accounts.complete for result in first.entities if result.accounts.accounts == 5} == {5}
        account = stripe.accounts()[0]
        stripe.change("customers", stripe.ids("customers", account=account)[:2], account=account)
        stripe.add("invoices", 2, account=account)
        run(lake, stripe, "all")
        again = run(lake, stripe, "all")
        assert sum(result.rows for result in again.entities) <= len(again.entities), "nothing is new"
        verify(tables=tables_of(lake)).raise_for_status()

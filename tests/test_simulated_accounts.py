"""Connected accounts of the simulator, as a pipeline in Python meets them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.asked import get
from tests.conftest import KEY, landed

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = {"charges": 30, "customers": 5, "invoices": 1}
ACCOUNT_INVALID = (403, "account_invalid")


def platform(connected_accounts: int = 3, **settings: Any) -> StripeSimulator:
    given = {"objects": 100, "counts": {"events": 0}, "account_counts": COUNTS, "end": 1_790_000_000, **settings}
    return StripeSimulator(connected_accounts=connected_accounts, **given)


def refusal(answer: tuple[int, dict[str, Any]]) -> tuple[int, str | None]:
    status, body = answer
    return status, body["error"].get("code")


def listed(stripe: StripeSimulator, path: str, account: str | None = None) -> list[str]:
    """Ids of a list, from the newest to the oldest."""
    ids: list[str] = []
    while True:
        after = f"&starting_after={ids[-1]}" if ids else ""
        _, page = get(stripe, f"{path}?limit=7{after}", account)
        ids += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            return ids


def test_each_account_has_data_of_its_own_that_follow_from_the_seed() -> None:
    with platform() as one, platform() as two, platform(seed=2) as other:
        accounts = one.accounts()
        assert len(accounts) == 3
        assert two.accounts() == accounts == listed(one, "/v1/accounts") == one.ids("accounts")
        assert not {*other.accounts()} & {*accounts}
        ids = [one.ids(name, account=account) for account in accounts for name in ("charges", "customers")]
        assert [len(part) for part in ids] == [30, 5] * 3
        assert len({id_ for part in [*ids, one.ids("charges")] for id_ in part}) == 3 * 35 + 25
        for account in reversed(accounts):
            assert listed(two, "/v1/charges", account) == one.ids("charges", account=account)
            assert get(two, "/v1/charges?limit=100", account) == get(one, "/v1/charges?limit=100", account)
            assert listed(two, "/v1/refunds", account) == []
            assert get(two, "/v1/account", account)[1] == json.loads(one.raw("accounts", account))
        assert get(one, "/v1/account", one.account) == get(one, "/v1/account")


def test_an_account_can_have_all_lists() -> None:
    with platform(1, account_objects=200) as stripe:
        (account,) = stripe.accounts()
        counts = [len(stripe.ids(name, account=account)) for name in ("charges", "invoices", "refunds", "coupons")]
        assert counts == [30, 1, 10, 36]


def test_changes_and_events_stay_within_the_account() -> None:
    with platform(sublist_items=20, frozen_clock=True) as stripe:
        one, two, _ = stripe.accounts()
        before = [[stripe.ids(name, account=of) for name in ("charges", "customers", "events")] for of in (two, None)]
        charge = stripe.ids("charges", account=one)[0]
        assert refusal(get(stripe, f"/v1/charges/{charge}", two)) == (404, "resource_missing")
        assert refusal(get(stripe, f"/v1/charges/{charge}")) == (404, "resource_missing")
        raw = stripe.raw("charges", charge, account=one)
        (changed,) = stripe.change("charges", charge, account=one)
        assert stripe.raw("charges", charge, account=one) != raw
        stripe.delete("customers", stripe.ids("customers", account=one)[0], account=one)
        (invoice,) = stripe.ids("invoices", account=one)
        items = stripe.items("invoices_lines", invoice, account=one)
        stripe.change_items("invoices", invoice, account=one)
        assert len(stripe.items("invoices_lines", invoice, account=one)) == len(items) + 1
        assert stripe.ids("events", account=one)[2] == changed
        assert (
            get(stripe, f"/v1/events/{changed}", one)[1]["data"]["object"]
            == get(stripe, f"/v1/charges/{charge}", one)[1]
        )
        (added,) = stripe.add("charges", created=1_790_000_000, account=one)
        stripe.replace("charges", added, b'{"id": "odd"}', account=one)
        assert listed(stripe, "/v1/charges", one)[:2] == ["odd", *stripe.ids("charges", account=one)[1:2]]
        assert stripe.created("charges", charge, account=one) is not None
        for call in (stripe.created, stripe.raw, stripe.delete):
            with pytest.raises(ValueError, match="has no object"):
                call("charges", charge, account=two)
        after = [[stripe.ids(name, account=of) for name in ("charges", "customers", "events")] for of in (two, None)]
        assert after == before


def test_an_unknown_or_revoked_account_is_refused_until_it_is_restored() -> None:
    with platform() as stripe:
        accounts = stripe.accounts()
        gone = accounts[1]
        charges = listed(stripe, "/v1/charges", gone)
        stripe.revoke(gone)
        assert listed(stripe, "/v1/accounts") == stripe.accounts() == [accounts[0], accounts[2]]
        for account in (gone, "acct_1234567890"):
            assert refusal(get(stripe, "/v1/charges", account)) == ACCOUNT_INVALID
            assert refusal(get(stripe, f"/v1/accounts/{account}")) == ACCOUNT_INVALID
        assert stripe.ids("charges", account=gone) == charges
        stripe.restore(gone)
        assert (stripe.accounts(), listed(stripe, "/v1/charges", gone)) == (accounts, charges)
        for call in (stripe.revoke, stripe.restore):
            with pytest.raises(ValueError, match="unknown account 'acct_1234567890'"):
                call("acct_1234567890")
        with pytest.raises(ValueError, match="unknown account"):
            stripe.ids("charges", account="acct_1234567890")


def test_an_account_can_lack_permissions_and_products() -> None:
    with platform() as stripe:
        one, two, _ = stripe.accounts()
        stripe.set_denied(["charges", "account"], account=one)
        stripe.set_products_off(["Issuing"], account=one)
        paths = ("/v1/charges", "/v1/account", "/v1/issuing/cards")
        assert [get(stripe, path, one)[0] for path in paths] == [403, 403, 400]
        assert [get(stripe, path, account)[0] for path in paths for account in (two, None)] == [200] * 6
        stripe.set_denied([], account=one)
        assert get(stripe, "/v1/charges", one)[0] == 200
        with pytest.raises(ValueError, match="charge"):
            stripe.set_denied(["charge"], account=one)


@pytest.mark.parametrize(("limits_per_account", "statuses"), [(False, [200, 429, 429]), (True, [200, 200, 200])])
def test_limits_are_shared_unless_each_account_has_them(limits_per_account: bool, statuses: list[int]) -> None:  # noqa: FBT001
    with platform(2, rate_limit=0.001, limits_per_account=limits_per_account) as stripe:
        accounts = [None, *stripe.accounts()]
        assert [get(stripe, "/v1/charges", account)[0] for account in accounts] == statuses
        assert get(stripe, "/v1/charges", accounts[1])[0] == 429


def test_an_organizations_key_says_which_account_it_means() -> None:
    with platform() as stripe:
        key = {"Authorization": "Bearer sk_org_test_1", "Stripe-Version": "2026-11-18.endive"}
        status, body = get(stripe, "/v1/account", **key)
        assert (status, "include the Stripe-Context header" in body["error"]["message"]) == (400, True)
        for account in stripe.accounts():
            path = f"{stripe.account}/{account}"
            assert get(stripe, "/v1/account", **key, **{"Stripe-Context": path})[1]["id"] == account
            assert refusal(get(stripe, "/v1/account", **key, **{"Stripe-Context": account})) == ACCOUNT_INVALID
        assert get(stripe, "/v1/account", **key, **{"Stripe-Context": stripe.account})[1]["id"] == stripe.account


def test_the_log_has_the_account_of_each_request() -> None:
    with platform(2) as stripe:
        one, two = stripe.accounts()
        for account in (None, one, two, one, "acct_1234567890"):
            get(stripe, "/v1/charges", account)
        assert list(stripe.request_accounts().values()) == [stripe.account, one, two, one, "acct_1234567890"]
        assert stripe.request_log(account=one) == [(2, "/v1/charges", 200), (4, "/v1/charges", 200)]
        assert stripe.request_log(account="acct_1234567890") == [(5, "/v1/charges", 403)]
        assert (len(stripe.request_log()), stripe.entity_requests("charges")) == (5, 5)
        accounts = (stripe.account, one, two)
        assert [stripe.entity_requests("charges", account=account) for account in accounts] == [1, 2, 1]
        assert stripe.retrieves("charges", account=one) == 0


def test_without_connected_accounts_any_account_has_the_platforms_data() -> None:
    with platform(0) as stripe:
        assert (stripe.accounts(), len(stripe.ids("accounts"))) == ([], 36)
        account = stripe.ids("accounts")[0]
        assert listed(stripe, "/v1/charges", account) == stripe.ids("charges")
        assert get(stripe, "/v1/account", account)[1]["id"] == account
        with pytest.raises(ValueError, match="unknown account"):
            stripe.ids("charges", account=account)


def test_two_thousand_accounts_start_at_once() -> None:
    began = time.monotonic()
    with platform(2_000, objects=0, account_counts={"charges": 100}) as stripe:
        accounts = stripe.accounts()
        assert len({*accounts}) == 2_000
        assert time.monotonic() - began < 5
        assert len(stripe.ids("charges", account=accounts[-1])) == 100


def test_a_run_lands_the_data_of_its_account(tmp_path: Path) -> None:
    with platform(2) as stripe:
        one, two = stripe.accounts()
        for account in (one, two):
            report = ingest(
                lake=tmp_path, api_key=KEY, api_base_url=stripe.url, entities="charges", stripe_account=account
            )
            report.raise_for_status()
        rows = landed(tmp_path, "charges").to_pylist()
        for account in (one, two):
            ids = {row["_stripe_id"] for row in rows if row["_stripe_account"] == account}
            assert ids == {*stripe.ids("charges", account=account)}

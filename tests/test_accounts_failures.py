"""Accounts of one call that fail while the others complete, and what ends the call for all of them."""

from __future__ import annotations

import html
import json
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import AuthenticationError, StripeRawError
from tests.children import wait_for
from tests.command import call, start
from tests.conftest import events
from tests.connected import EACH, asked, assert_each_once, land, landed_of, platform, states

if TYPE_CHECKING:
    from pathlib import Path

MANY = 50
# One request after the other, and no second try: which account a fault meets is known.
ONE_BY_ONE: dict[str, Any] = {"max_concurrent_requests": 1, "max_retries": 0}


def failed(lake: Path) -> dict[str | None, str]:
    """The class of the error of each account's newest RUN_FAILED."""
    found = events(lake, "event_type = 'RUN_FAILED'")
    return {event["stripe_account"]: event["error_class"] for event in found}


@pytest.mark.parametrize("is_first", [True, False], ids=["first call", "later call"])
def test_some_accounts_fail_in_their_own_ways_and_the_others_complete(
    lake: Path, caplog: pytest.LogCaptureFixture, *, is_first: bool
) -> None:
    with platform(MANY) as stripe:
        accounts = stripe.accounts()
        if not is_first:
            land(lake, stripe, accounts=accounts).raise_for_status()
            for account in accounts:
                stripe.add("charges", 2, account=account)
        revoked, denied, odd = accounts[3], accounts[20], accounts[44]
        (object_,) = stripe.add("charges", account=odd)
        as_it_was = stripe.raw("charges", object_, account=odd)
        wrong = as_it_was.replace(b'"object": "charge"', b'"object": "refund"', 1)
        stripe.revoke(revoked)
        stripe.set_denied(["charges"], account=denied)
        stripe.replace("charges", object_, wrong, account=odd)
        stripe.set_faults("status=500@charges:n31")
        report = land(lake, stripe, accounts=accounts, **ONE_BY_ONE)
        stripe.reset_faults()
        assert report.exit_code == 1
        (result,) = report.entities
        assert (result.state, result.accounts.complete, result.accounts.skipped) == ("failed", MANY - 4, 0)
        classes = {failure.stripe_account: failure.error_class for failure in result.accounts.failed}
        (server_error,) = classes.keys() - {revoked, denied, odd}
        expected = {revoked: "Request", denied: "Permission", odd: "Answer", server_error: "Server"}
        assert classes == expected
        assert failed(lake) == {name: kind for name, kind in expected.items() if name != odd}
        assert len(landed_of(lake)) == (MANY - 3 if is_first else MANY)
        head = f"charges: {MANY - 4} of {MANY} accounts complete, 4 failed: "
        said = str(report).splitlines()[-1]
        assert said.startswith(head)
        assert all(f"{account}: " in said for account in expected)
        assert caplog.text.count(head) == 1
        assert json.loads(json.dumps(report.to_dict()))["entities"][0]["accounts"]["complete"] == MANY - 4
        assert html.escape(said) in report._repr_html_()
        with pytest.raises(StripeRawError, match=f"^{re.escape(head)}") as raised:
            report.raise_for_status()
        assert "\n" not in str(raised.value)
        # Later they are there again, and all go on.
        stripe.restore(revoked)
        stripe.set_denied([], account=denied)
        stripe.replace("charges", object_, as_it_was, account=odd)
        land(lake, stripe, accounts=accounts).raise_for_status()
        assert_each_once(lake, stripe, accounts, complete=False)


def test_the_command_names_the_accounts_that_failed(lake: Path) -> None:
    with platform(MANY) as stripe:
        accounts = stripe.accounts()
        stripe.revoke(accounts[3])
        stripe.set_denied(["charges"], account=accounts[20])
        given = (
            "--lake",
            lake,
            "--api-base-url",
            stripe.url,
            "--entities",
            "charges",
            "--accounts",
            ",".join(accounts),
        )
        done = call("run", *given)
        assert done.returncode == 1
        line = f"charges: {MANY - 2} of {MANY} accounts complete, 2 failed: "
        assert done.stderr.count(line) == 1
        (said,) = [text for text in done.stderr.splitlines() if line in text]
        assert all(accounts[number] in said for number in (3, 20))
        assert f"{MANY:,} accounts" in done.stderr
        again = call("run", *given, "--output", "json", "--log-format", "json")
        assert again.returncode == 1
        found = json.loads(again.stdout)["entities"][0]["accounts"]
        assert (found["accounts"], found["complete"]) == (MANY, MANY - 2)
        assert {failure["stripe_account"] for failure in found["failed"]} == {accounts[3], accounts[20]}
        assert all(json.loads(text)["message"] for text in again.stderr.splitlines())


def test_of_many_failures_some_are_named_and_all_are_in_the_report(lake: Path) -> None:
    with platform(MANY) as stripe:
        accounts = stripe.accounts()
        for account in accounts[:40]:
            stripe.revoke(account)
        report = land(lake, stripe, accounts=accounts)
    message = str(report.entities[0].message)
    assert message.startswith(f"charges: 10 of {MANY} accounts complete, 40 failed: ")
    assert message.count("does not have access") == 20
    assert "and 20 more, which the JSON has" in message
    assert len(report.entities[0].accounts.failed) == 40


@pytest.mark.parametrize("entities", ["issuing_cards", "issuing"])
def test_accounts_without_the_product_are_skipped_unless_the_list_is_named(lake: Path, entities: str) -> None:
    with platform(4, counts={"issuing_cards": 3}, account_counts={"issuing_cards": 3}) as stripe:
        without = stripe.accounts()[1]
        stripe.set_products_off(["Issuing"], account=without)
        report = land(lake, stripe, entities=entities)
        (result,) = [each for each in report.entities if each.entity == "issuing_cards"]
        if entities == "issuing_cards":
            assert (result.exit_code, [each.stripe_account for each in result.accounts.failed]) == (1, [without])
            assert result.accounts.failed[0].error_class == "Product"
        else:
            assert (result.exit_code, result.accounts.skipped, result.accounts.complete) == (0, 1, 4)
            assert "issuing_cards: 4 of 5 accounts complete, 1 without the list" in str(report)
            assert without not in {event["stripe_account"] for event in events(lake)}
        expected = {None, *stripe.accounts()} - {without}
        assert set(landed_of(lake, "issuing_cards")) == expected
        # It gets the product, and loses it again: what was read once and is refused now is a failure.
        stripe.set_products_off([], account=without)
        land(lake, stripe, entities=entities).raise_for_status()
        assert_each_once(lake, stripe, [None, *stripe.accounts()], name="issuing_cards", complete=False)
        stripe.set_products_off(["Issuing"], account=without)
        report = land(lake, stripe, entities=entities)
        (result,) = [each for each in report.entities if each.entity == "issuing_cards"]
        assert [each.stripe_account for each in result.accounts.failed] == [without]


def test_a_list_that_no_account_has_is_skipped(lake: Path) -> None:
    with platform(4, products_off=["Issuing"]) as stripe:
        report = land(lake, stripe, entities="issuing,charges")
        assert report.exit_code == 0
        assert "issuing_cards" in report.skipped
        (result,) = [each for each in report.entities if each.entity == "issuing_cards"]
        assert result.accounts.skipped == 5
    assert not (lake / "stripe_issuing_cards_raw").exists()


@pytest.mark.parametrize(
    ("faults", "options", "said"),
    [
        ("status=401@charges:n{}+", {}, "Stripe answered 401"),
        ("reset_head@charges:n{}+", {}, "connection"),
        ("", {"max_requests": 20}, "max_requests"),
    ],
    ids=["401", "no network", "no requests left"],
)
@pytest.mark.parametrize("is_first", [True, False], ids=["first call", "later call"])
def test_what_meets_all_accounts_is_one_line_and_the_next_call_goes_on(
    lake: Path, faults: str, options: dict[str, Any], said: str, *, is_first: bool
) -> None:
    with platform(MANY) as stripe:
        accounts = stripe.accounts()
        before = []
        if not is_first:
            land(lake, stripe, accounts=accounts).raise_for_status()
            before.append(states(stripe, accounts))
            for account in accounts:
                stripe.add("charges", 2, account=account)
        stripe.set_faults(faults.format(20))
        report = land(lake, stripe, accounts=accounts, **options, page_size=5, max_retries=1)
        message = str(report.entities[0].message)
        assert report.exit_code == 1
        assert said in message
        assert message.count("acct_") == 0, message
        assert "\n" not in message
        since = stripe.requests
        stripe.reset_faults()
        land(lake, stripe, accounts=accounts, page_size=5).raise_for_status()
        assert set(asked(stripe, since)["charges"]) == {*accounts}
        assert_each_once(lake, stripe, accounts, *before)


def test_a_key_that_is_refused_from_the_beginning_is_one_line_and_writes_nothing(lake: Path) -> None:
    with platform(MANY) as stripe:
        names = stripe.accounts()
        stripe.set_faults("status=401@p1")
        with pytest.raises(AuthenticationError, match="401") as raised:
            land(lake, stripe, accounts=names).raise_for_status()
        assert "acct_" not in str(raised.value)
    assert not (lake / "stripe_charges_raw").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_and_the_next_call_goes_on(lake: Path, number: signal.Signals) -> None:
    with platform(MANY, latency_ms=80, account_counts={"charges": 10 * EACH}) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges", "--accounts", "all")
        child = start("run", *given, "--page-size", 5, "--commit-interval-seconds", 0.2)
        wait_for(lambda: events(lake, "event_type = 'PAGE_COMMITTED'"))
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
        assert child.returncode == 130, said
        assert sum("charges: " in line and "nterrupt" in line for line in said.splitlines()) == 1, said
        assert "acct_" not in said
        assert set(failed(lake).values()) == {"Interrupted"}
        land(lake, stripe).raise_for_status()
        assert_each_once(lake, stripe, [None, *stripe.accounts()])

"""An object that is listed again lands again only if it has changed: a row is a state, and each state lands once."""

from __future__ import annotations

import json
import re
import signal
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import BudgetError, ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child, steps_of
from tests.conftest import EACH_PAGE, KEY, events, landed
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import EntityResult

story = pytest.mark.story

_FEW = dict.fromkeys(("payment_intents", "invoices"), 5)
# The whole list is in the lookback of each run.
WIDE: dict[str, Any] = {"entities": "charges", "lookback_seconds": 10 * 365 * 86_400}


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> EntityResult:
    report = ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **{**WIDE, **options})
    report.raise_for_status()
    (result,) = report.entities
    return result


def change(stripe: StripeSimulator, name: str, id_: str, before: str, after: str) -> None:
    """Change an object's text in one place."""
    text = stripe.raw(name, id_).decode()
    changed, count = re.subn(before, after, text, count=1)
    assert (count, changed != text) == (1, True), text
    stripe.replace(name, id_, changed.encode())


def refund(stripe: StripeSimulator, id_: str, amount: int) -> None:
    change(stripe, "charges", id_, r'"amount_refunded": \d+', f'"amount_refunded": {amount}')


def states(lake: Path, name: str = "charges", field: str = "amount_refunded") -> dict[str, list[Any]]:
    """The states in which each object has landed, oldest first."""
    found = defaultdict(list)
    for row in landed(lake, name).sort_by("_commit_version").to_pylist():
        found[row["_stripe_id"]].append(json.loads(row["_raw_json"])[field])
    return found


@pytest.fixture
def stripe() -> StripeSimulator:
    return StripeSimulator(seed=5, counts={"charges": 230, "accounts": 30, "refunds": 0, **_FEW})


@story
def test_only_the_objects_that_have_changed_land_again(lake: Path, stripe: StripeSimulator) -> None:
    with stripe:
        first = land(lake, stripe)
        assert (first.rows, first.unchanged) == (230, 0)
        changed = stripe.ids("charges")[3:90:40]
        for id_ in changed:
            refund(stripe, id_, 7)
        stripe.add("charges", 2)
        second = land(lake, stripe)
        assert (second.rows, second.unchanged) == (2 + len(changed), 230 - len(changed))
        again = {id_ for id_, landed_as in states(lake).items() if len(landed_as) > 1}
        assert again == set(changed)
        counted = events(lake, "unchanged_count > 0")
        assert sum(event["unchanged_count"] for event in counted) == second.unchanged
        third = land(lake, stripe)
        assert (third.rows, third.unchanged) == (0, 232)
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_state_that_comes_back_is_a_state_again(lake: Path, stripe: StripeSimulator) -> None:
    with stripe:
        id_ = stripe.ids("charges")[5]
        land(lake, stripe)
        for amount in (7, 0, 7, 7):
            if json.loads(stripe.raw("charges", id_))["amount_refunded"] != amount:
                refund(stripe, id_, amount)
            land(lake, stripe)
        assert states(lake)[id_] == [0, 7, 0, 7]


def test_a_link_that_stripe_renews_is_no_change(lake: Path, stripe: StripeSimulator) -> None:
    with stripe:
        land(lake, stripe)
        for id_ in stripe.ids("charges"):
            change(stripe, "charges", id_, r'"receipt_url": "[^"]*"', '"receipt_url": "https://pay.stripe.com/new"')
        assert land(lake, stripe).rows == 0
        id_ = stripe.ids("charges")[0]
        change(stripe, "charges", id_, r'"receipt_url": "[^"]*"', '"receipt_url": null')
        assert land(lake, stripe).rows == 1
        hashes = landed(lake, "charges", "_content_sha256, _payload_sha256").to_pylist()
        assert sum(row["_content_sha256"] is None for row in hashes) == 1, "the one that has no link"
        assert all(row["_content_sha256"] != row["_payload_sha256"] for row in hashes)


def set_field(stripe: StripeSimulator, name: str, id_: str, **fields: Any) -> None:
    body = json.loads(stripe.raw(name, id_))
    body.update(fields)
    stripe.replace(name, id_, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("name", "key"),
    [("charges", "receipt_url"), ("payment_intents", "next_action"), ("invoices", "invoice_pdf")],
)
def test_a_link_in_metadata_is_content(lake: Path, stripe: StripeSimulator, name: str, key: str) -> None:
    """Metadata are the account owner's own: a key there may have any name."""
    with stripe:
        id_ = stripe.ids(name)[3]
        set_field(stripe, name, id_, metadata={key: "https://shop.example/receipts/1.pdf"})
        land(lake, stripe, entities=name)
        set_field(stripe, name, id_, metadata={key: "https://shop.example/receipts/2-corrected.pdf"})
        land(lake, stripe, entities=name)
        newest = landed(lake, name).sort_by("_commit_version").to_pylist()
        states = [json.loads(row["_raw_json"])["metadata"][key] for row in newest if row["_stripe_id"] == id_]
        assert states[-1].endswith("2-corrected.pdf"), states


def test_a_list_of_links_that_becomes_empty_is_a_change(lake: Path, stripe: StripeSimulator) -> None:
    """Content without its links reads like text that has none: `[]` is left of both."""
    with stripe:
        id_ = stripe.ids("payment_intents")[3]
        set_field(stripe, "payment_intents", id_, next_action={"links": ["https://a"]})
        land(lake, stripe, entities="payment_intents")
        set_field(stripe, "payment_intents", id_, next_action={"links": []})
        # Else another volatile key keeps the texts apart.
        assert land(lake, stripe, entities="payment_intents").rows == 1


def test_a_list_without_a_window_is_compared_as_a_whole(lake: Path, stripe: StripeSimulator) -> None:
    with stripe:
        assert land(lake, stripe, entities="accounts").rows == 30
        id_ = stripe.ids("accounts")[-1]
        change(stripe, "accounts", id_, r'"country": "\w+"', '"country": "XX"')
        again = land(lake, stripe, entities="accounts", page_size=4)
        assert (again.rows, again.unchanged) == (1, 29)
        # Eight pages without a row are one group, apart from the page with the changed object.
        assert len(events(lake, "epoch = 2 AND event_type = 'PAGE_COMMITTED'")) == 8
        assert states(lake, "accounts", "country")[id_][-1] == "XX"
    verify(tables=tables_of(lake)).raise_for_status()


def test_the_same_id_in_two_accounts_is_two_objects(lake: Path, stripe: StripeSimulator) -> None:
    with stripe:
        assert land(lake, stripe).rows == 230
        assert land(lake, stripe, stripe_account="acct_1other").rows == 230
        refund(stripe, stripe.ids("charges")[0], 7)
        rows = [land(lake, stripe, stripe_account=account).rows for account in (None, "acct_1other", None)]
        assert rows == [1, 1, 0]
    verify(tables=tables_of(lake)).raise_for_status()


def test_what_a_given_up_run_landed_is_known_and_a_reset_lands_all_again(lake: Path, stripe: StripeSimulator) -> None:
    with stripe:
        land(lake, stripe)
        new = stripe.add("charges", 150)
        with pytest.raises(BudgetError):
            land(lake, stripe, max_requests=1, max_concurrent_requests=1)
        assert land(lake, stripe, give_up="restart").rows == 50
        assert all(len(landed_as) == 1 for landed_as in states(lake).values())
        assert set(new) < states(lake).keys()
        assert land(lake, stripe, give_up="scratch").rows == 380
        assert land(lake, stripe).rows == 0
    verify(tables=tables_of(lake)).raise_for_status()


def test_an_object_whose_row_was_erased_lands_again(lake: Path, stripe: StripeSimulator) -> None:
    with stripe:
        land(lake, stripe)
        id_ = stripe.ids("charges")[5]
        table = tables_of(lake).table("stripe_charges_raw")
        table.set_properties({"delta.appendOnly": "false"})
        table._load().delete(f"_stripe_id = '{id_}'")  # type: ignore[attr-defined] # noqa: SLF001 - as its owner may
        assert land(lake, stripe).rows == 1
        assert states(lake)[id_] == [0]


@pytest.mark.kill
def test_a_kill_of_a_run_that_finds_changes_neither_loses_a_state_nor_lands_one_twice(tmp_path: Path) -> None:
    options = {**EACH_PAGE, "lookback_seconds": WIDE["lookback_seconds"]}

    def changed_account() -> StripeSimulator:
        return StripeSimulator(seed=11, counts={"charges": 23})

    def begin(lake: Path, stripe: StripeSimulator) -> list[str]:
        land(lake, stripe, **options)
        changed = [stripe.ids("charges")[at] for at in (1, 2, 12, 22)]
        for id_ in changed:
            refund(stripe, id_, 7)
        stripe.add("charges", 1)
        return changed

    with changed_account() as stripe:
        begin(tmp_path / "counted", stripe)
        steps = steps_of(tmp_path / "counted", stripe, **options)
    for step in range(1, len(steps) + 1):
        lake = tmp_path / f"lake{step}"
        with changed_account() as stripe:
            changed = begin(lake, stripe)
            with Child(lake, stripe, step, "SIGKILL", **options) as child:
                assert child.ended() == -signal.SIGKILL
            refund(stripe, changed[0], 8)
            land(lake, stripe, **options)
            found = states(lake)
            for id_ in stripe.ids("charges"):
                assert found[id_][-1] == json.loads(stripe.raw("charges", id_))["amount_refunded"], steps[step - 1]
                assert all(one != next_ for one, next_ in zip(found[id_], found[id_][1:], strict=False)), steps[
                    step - 1
                ]
            assert found[changed[3]] == [0, 7], steps[step - 1]
        verify(tables=tables_of(lake)).raise_for_status()

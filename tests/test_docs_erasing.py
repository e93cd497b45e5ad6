"""A person is erased as resources/docs/security.md says: it is in no table then, and no later run brings it back."""

from __future__ import annotations

import ast
import json
import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import ingest, status, verify
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, landed
from tests.documents import DOCS, blocks, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LISTS = "events,customers,charges,invoices,customers_tax_ids"
TABLES = (*LISTS.split(","), "invoices_lines")
HOUR = 3_600
(PROGRAM,) = [block.text for block in blocks("python", of=DOCS / "security.md") if ".delete(" in block.text]


class Account:
    """An account, landed into a lake once, and a customer of it: its id, and the e-mail address of a guest."""

    def __init__(self, folder: Path, stripe: StripeSimulator) -> None:
        self.lake = folder / "demo-lake"
        self.folder, self.stripe = folder, stripe
        self.land()
        charges = [json.loads(row) for row in landed(self.lake, "charges", "_raw_json")["_raw_json"].to_pylist()]
        self.customer = next(charge["customer"] for charge in charges if charge["customer"] in stripe.ids("customers"))
        guest = next(each for each in charges if not each["customer"] and each["billing_details"]["email"])
        self.guest: str = guest["billing_details"]["email"]

    def land(self) -> None:
        url = self.stripe.url
        ingest(lake=self.lake, api_key=KEY, api_base_url=url, entities=LISTS).raise_for_status()

    def find(self, *, erase: bool = False) -> dict[str, list[tuple[str, str, int, str]]]:
        """What the document's program finds: the rows of each table."""
        text = PROGRAM.replace('"cus_...", "ada@example.com"', f'"{self.customer}", "{self.guest.upper()}"')
        assert self.customer in text
        said = run([sys.executable, "-c", text.replace("False", str(erase))], self.folder, self.stripe.url)
        parts = re.findall(r"^stripe_(\w+)_raw: (\d+) rows\n((?:\(.*\n)*)", said, flags=re.MULTILINE)
        found = {name: sorted(map(ast.literal_eval, rows.splitlines())) for name, _, rows in parts}
        assert [len(rows) for rows in found.values()] == [int(count) for _, count, _ in parts]
        return found

    def read_again(self, found: dict[str, list[tuple[str, str, int, str]]]) -> list[str]:
        """The lists whose next run reads some of these rows' objects, by what `status` says."""
        lists = {row.entity: row.next_run for row in status(lake=self.lake).entities}
        listed = {name: rows for name, rows in found.items() if rows and "created since" in lists[name]}
        # An object that Stripe does not list any more cannot be read.
        shown = {name: {*self.stripe.ids(name)} for name in listed}
        newest = {
            name: max((row[3][:19] for row in rows if row[0] in shown[name]), default="")
            for name, rows in listed.items()
        }
        return [name for name, at in newest.items() if at >= lists[name].removeprefix("reads what was created since ")]

    def left(self) -> list[tuple[str, str]]:
        """The tables and columns that name the person."""
        return [
            (name, column)
            for name in TABLES
            for row in landed(self.lake, name).to_pylist()
            for column, value in row.items()
            if isinstance(value, str) and (self.customer in value or self.guest in value)
        ]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    counts = {"charges": 60, "customers": 6, "invoices": 20, "events": 0}
    # Two days ago: a time in the future would not count.
    end = int(time.time()) - 48 * HOUR
    settings: dict[str, Any] = {"object_events": True, "sublist_items": 12, "frozen_clock": True, "end": end}
    with StripeSimulator(counts=counts, **settings) as stripe:
        yield Account(tmp_path, stripe)


def delete_and_wait(account: Account) -> None:
    """Delete the customer, and let runs go on until an event an hour and a second later has landed."""
    account.stripe.change("customers", account.customer)
    account.stripe.delete("customers", account.customer)
    account.land()
    account.stripe.advance(HOUR + 1)
    others = [id_ for id_ in account.stripe.ids("charges") if account.customer.encode() not in raw(account, id_)]
    account.stripe.change("charges", others[0])
    account.land()


def raw(account: Account, charge: str) -> bytes:
    return account.stripe.raw("charges", charge)


def test_a_person_who_was_erased_stays_away(account: Account) -> None:
    delete_and_wait(account)
    found = account.find()
    assert found.keys() == set(TABLES)
    assert {name for name, rows in found.items() if rows} >= {"events", "customers", "charges", "customers_tax_ids"}
    assert account.read_again(found) == []
    before = {name: landed(account.lake, name).num_rows for name in TABLES}
    assert account.find(erase=True) == found, "finding deletes nothing"
    assert account.left() == []
    for name, rows in found.items():
        assert landed(account.lake, name).num_rows == before[name] - len(rows), "nobody else's rows are gone"
    for _ in range(2):
        account.stripe.advance(HOUR)
        account.land()
    assert account.left() == []
    assert not any(account.find().values())


def test_without_waiting_the_person_comes_back_and_status_has_said_so(account: Account) -> None:
    account.stripe.delete("customers", account.customer)
    account.land()
    found = account.find(erase=True)
    assert account.read_again(found) == ["events"]
    account.land()
    assert {("events", "_raw_json"), ("customers", "_raw_json")} <= set(account.left())


def test_the_log_has_each_row_that_verify_misses(account: Account) -> None:
    delete_and_wait(account)
    found = account.find(erase=True)
    audit = verify(lake=account.lake)
    with pytest.raises(TableError, match="log of erasures"):
        audit.raise_for_status()
    missed = Counter[tuple[str, str, int]]()
    for name, kind, message in audit.findings:
        page = re.search(r"run (\w+), page (\d+) .*promises (\d+) rows?, but the table has (\d+)", message)
        assert (kind, page is not None) == ("rows missing", True), message
        assert page is not None
        missed[name, page[1], int(page[2])] = int(page[3]) - int(page[4])
    assert missed == Counter((name, run_id, page) for name, rows in found.items() for _, run_id, page, _ in rows)

"""Platforms with connected accounts, and facts that must be true of a lake that has landed many of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import ingest, verify, views
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables import open_tables
from tests.conftest import KEY, events, landed
from tests.oracle import run_view
from tests.places import place_of
from tests.truth import Served, assert_events_match, served

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from stripe_raw_rs import Report

OWN = 6
EACH = 8
# So few requests at once and so large groups make the commits of small accounts few and always the same.
IN_ONE_GROUP: dict[str, Any] = {"max_concurrent_requests": 1, "commit_interval_seconds": 3_600}


def platform(connected_accounts: int = 4, **settings: Any) -> StripeSimulator:
    """A few charges in each account, with their events, and in the platform's own. The clock stands still."""
    given = {
        "seed": 7,
        "objects": 0,
        "counts": {"charges": OWN},
        "account_counts": {"charges": EACH},
        "object_events": True,
        "frozen_clock": True,
        **settings,
    }
    return StripeSimulator(connected_accounts=connected_accounts, **given)


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    """Land the charges of all accounts; the caller looks at the report."""
    given = {"accounts": "all", "entities": "charges", "backoff_base_seconds": 0.01, "max_retries": 2, **options}
    return ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **given)


def landed_of(lake: Path, name: str = "charges") -> dict[str | None, int]:
    """The number of rows of each account; None is the key's own."""
    return dict(Counter(landed(lake, name, "_stripe_account")["_stripe_account"].to_pylist()))


def asked(stripe: StripeSimulator, since: int = 0) -> dict[str, Counter[str]]:
    """The requests after that number: how many there were for each list, by account."""
    accounts = stripe.request_accounts()
    found: dict[str, Counter[str]] = {}
    for number, path, _ in stripe.request_log():
        if number > since:
            name = path.partition("?")[0].rpartition("/")[2]
            found.setdefault(name, Counter())[accounts[number]] += 1
    return found


def states(stripe: StripeSimulator, accounts: Iterable[str | None], name: str = "charges") -> dict[str | None, Served]:
    """The objects that these accounts have now; None is the platform."""
    return {account: served(stripe, name, account) for account in accounts}


def assert_each_once(
    lake: Path,
    stripe: StripeSimulator,
    accounts: Iterable[str | None],
    *before: Mapping[str | None, Served],
    name: str = "charges",
    complete: bool = True,
) -> None:
    """Check that each account's objects have landed once in each state, as they were sent, and no others.

    `before` are states of earlier moments, which may have landed. If it is `complete`, no run is left open.
    """
    rows = landed(lake, name).to_pylist()
    now = states(stripe, accounts, name)
    assert {row["_stripe_account"] for row in rows} == {account for account, objects in now.items() if objects}
    ever = {
        (account, id_, text, created)
        for moment in (now, *before)
        for account, objects in moment.items()
        for id_, (text, created) in objects.items()
    }
    gone = Counter(_state(row) for row in rows if (row["_event_type"] or "").endswith(".deleted"))
    found = Counter(map(_state, rows)) - gone
    assert found.keys() <= ever
    assert {*found.values(), *gone.values()} == {1}, "each state lands once"
    lost = {(account, id_) for account, objects in now.items() for id_ in objects} - {key[:2] for key in found}
    assert not lost
    if complete:
        assert_events_match(rows, events(lake, f"entity = '{name}'"))
    # delta-rs reads the tables, whichever engine wrote them.
    verify(tables=open_tables({"lake": lake})).raise_for_status()


def _state(row: Mapping[str, Any]) -> tuple[str | None, str, str, int | None]:
    at = row["_stripe_created_at"]
    created = None if at is None else int(at.timestamp())
    return row["_stripe_account"], row["_stripe_id"], row["_raw_json"], created


def assert_latest(lake: Path, stripe: StripeSimulator, accounts: Iterable[str | None], name: str = "charges") -> None:
    """Check that the view of the newest states shows each account's objects as they are now."""
    (statement, *_) = views(lake=lake, entities=name)
    rows = run_view(lake, statement, "_stripe_account, _stripe_id, _raw_json, _deleted")
    shown = Counter((account, id_) for account, id_, _, _ in rows)
    assert set(shown.values()) == {1}
    found = {(account, id_): text for account, id_, text, deleted in rows if not deleted}
    now = states(stripe, accounts, name)
    assert found == {(account, id_): text for account, all_ in now.items() for id_, (text, _) in all_.items()}


def expected_of(accounts: Iterable[str | None]) -> dict[str | None, int]:
    """The number of charges that each of these accounts of a platform has at first; None is the platform."""
    return {account: OWN if account is None else EACH for account in accounts}


def assert_all_landed(lake: Path, stripe: StripeSimulator, accounts: list[str | None] | None = None) -> None:
    """Check that all charges of these accounts, or of all, have landed once, and nothing else."""
    everyone = [None, *stripe.accounts()] if accounts is None else accounts
    assert landed_of(lake) == expected_of(everyone)
    assert_each_once(lake, stripe, everyone)

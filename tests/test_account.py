"""A lake has the objects of one account, even if its key may not say which account that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from stripe_raw_rs import ConnectionFailedError, UsageError, ingest, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, landed
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Report

# The first request of a call asks for the account. A server that fails does not name it.
UNKNOWN = "status=500/should-retry=false@n1"
# Stripe refuses most restricted keys, and its refusal names the account.
REFUSED = {"denied": ["account"]}


class Server:
    """One address that serves one account after the other."""

    def __init__(self) -> None:
        self.port = 0

    def open(self, seed: int, **settings: Any) -> StripeSimulator:
        counts = {"charges": 30, "customers": 30, "refunds": 30}
        stripe = StripeSimulator(port=self.port, seed=seed, counts=counts, end=1_790_000_000, **settings)
        self.port = stripe.port
        return stripe


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    quick: dict[str, Any] = {"entities": "charges,customers", "backoff_base_seconds": 0.01, "max_retries": 1}
    return ingest(**place_of(lake), **{"api_key": KEY, "api_base_url": stripe.url, **quick, **options})


def account_of(lake: Path) -> str | None:
    return DeltaTable(lake / "stripe_ingestion_checkpoints").metadata().configuration.get("stripe_raw.account")


@pytest.mark.story
def test_another_accounts_key_lands_nothing_if_no_answer_names_the_account(lake: Path) -> None:
    server = Server()
    with server.open(1, faults=UNKNOWN) as stripe:
        land(lake, stripe).raise_for_status()
        before = landed(lake, "charges").num_rows
    assert account_of(lake) is None
    for entities in ("charges", "customers,charges", "refunds", "customers"):
        with (
            server.open(2, faults=UNKNOWN) as stripe,
            pytest.raises(UsageError, match=r"charges: object ch_\w+, which this lake has, .* another account's key"),
        ):
            land(lake, stripe, entities=entities)
    assert landed(lake, "charges").num_rows == before
    with server.open(1, faults=UNKNOWN) as stripe:
        land(lake, stripe).raise_for_status()
    verify(tables=tables_of(lake)).raise_for_status()


@pytest.mark.parametrize("settings", [{}, REFUSED])
def test_another_account_is_refused_as_soon_as_any_answer_names_it(lake: Path, settings: dict[str, Any]) -> None:
    server = Server()
    with server.open(1, **settings) as stripe:
        land(lake, stripe).raise_for_status()
        ours = stripe.account
    assert account_of(lake) == ours
    with server.open(2, **settings) as stripe, pytest.raises(UsageError, match="belongs to account") as raised:
        land(lake, stripe)
    assert ours in str(raised.value)


@pytest.mark.story
@pytest.mark.parametrize("settings", [{}, REFUSED])
def test_the_account_is_recorded_when_an_answer_names_it_for_the_first_time(
    lake: Path, settings: dict[str, Any]
) -> None:
    server = Server()
    with server.open(1, faults=UNKNOWN) as stripe:
        land(lake, stripe).raise_for_status()
    assert account_of(lake) is None
    # Before the account is recorded, the objects that landed show whether it is the lake's.
    with server.open(2, **settings) as stripe, pytest.raises(UsageError, match="another account's key"):
        land(lake, stripe)
    assert account_of(lake) is None
    with server.open(1, **settings) as stripe:
        land(lake, stripe).raise_for_status()
        assert account_of(lake) == stripe.account
        asked = stripe.requests
        land(lake, stripe).raise_for_status()
        assert stripe.requests - asked == 3, (
            "one request for the account, and one for each list: nothing is asked twice"
        )


def test_a_lake_whose_test_data_was_deleted_is_landed_from_scratch(lake: Path) -> None:
    server = Server()
    with server.open(1, faults=UNKNOWN) as stripe:
        land(lake, stripe).raise_for_status()
    with server.open(1, faults=UNKNOWN) as stripe:
        for identifier in stripe.ids("charges"):
            stripe.delete("charges", identifier)
        stripe.add("charges", 3)
        with pytest.raises(UsageError, match="test data was deleted"):
            land(lake, stripe)
    with server.open(1, faults=UNKNOWN) as stripe:
        land(lake, stripe, give_up="scratch").raise_for_status()


def test_a_page_of_the_other_mode_is_refused(lake: Path) -> None:
    with Server().open(1) as stripe:
        newest = stripe.ids("charges")[0]
        stripe.replace(
            "charges", newest, stripe.raw("charges", newest).replace(b'"livemode": false', b'"livemode": true')
        )
        report = land(lake, stripe)
    (wrong,) = [result for result in report.entities if result.error is not None]
    assert f"charges: object {newest} is live data, and the key is a test key" in str(wrong.message)
    assert not (lake / "stripe_charges_raw").exists()


def test_a_run_without_a_network_says_so_in_one_line_and_writes_nothing(lake: Path) -> None:
    stripe = StripeSimulator()
    stripe.stop()
    with pytest.raises(ConnectionFailedError, match=rf"^{stripe.url}: no connection to the API after 1 retry "):
        land(lake, stripe, entities="all")
    assert not lake.exists()

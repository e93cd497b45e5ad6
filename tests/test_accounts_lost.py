"""Rows of one account of several that were erased, lost or changed by other hands, and runs that are given up."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stripe_raw_rs import TableError, plan
from tests.conftest import KEY, erase, events, tamper
from tests.connected import EACH, OWN, land, landed_of, platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

story = pytest.mark.story

RAW = "stripe_charges_raw"


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform(3) as simulator:
        yield simulator


def cut_off(lake: Path, stripe: StripeSimulator, account: str) -> None:
    """Land the first pages of an account, a commit each, and leave its run unfinished."""
    small: dict[str, Any] = {"page_size": 2, "commit_interval_seconds": 0, "max_concurrent_requests": 1}
    assert land(lake, stripe, accounts=[account], max_requests=3, **small).exit_code == 1


def lose_newest_commit(lake: Path) -> None:
    max((lake / RAW / "_delta_log").glob("*.json")).unlink()


def planned_error(lake: Path, stripe: StripeSimulator, accounts: list[str], **options: Any) -> str | None:
    """What `plan` says that a run would fail with."""
    place: dict[str, Any] = {"lake": lake, "api_key": KEY, "api_base_url": stripe.url, "entities": "charges"}
    (planned,) = plan(accounts=accounts, **place, **options)
    return planned.error


@story
@pytest.mark.parametrize("which", ["one", "own"])
def test_the_rows_of_an_account_that_its_owner_erased_are_not_taken_for_lost(
    lake: Path, stripe: StripeSimulator, which: str
) -> None:
    land(lake, stripe).raise_for_status()
    one, *others = stripe.accounts()
    for account in others:
        stripe.add("charges", account=account)
    land(lake, stripe, accounts=others).raise_for_status()
    erased: str | None = one if which == "one" else None
    erase(lake, f"_stripe_account = '{one}'" if which == "one" else "_stripe_account IS NULL")
    for each in (None, *stripe.accounts()):
        stripe.advance(86_400)
        stripe.add("charges", account=each)
    land(lake, stripe, lookback_seconds=0).raise_for_status()
    found = landed_of(lake)
    assert 0 < found.pop(erased) < OWN, "the new object, and those of the newest second before it"
    expected: dict[str | None, int] = {None: OWN + 1, one: EACH + 1}
    expected |= dict.fromkeys(others, EACH + 2)
    assert found == {account: count for account, count in expected.items() if account != erased}


def test_the_rows_of_an_account_are_lost_if_the_table_was_made_again_without_them(
    lake: Path, stripe: StripeSimulator
) -> None:
    one, other, _ = stripe.accounts()
    land(lake, stripe, accounts=[one]).raise_for_status()
    shutil.rmtree(lake / RAW)
    land(lake, stripe, accounts=[other]).raise_for_status()
    for accounts in ([one], [one, other]):
        with pytest.raises(TableError, match="are gone"):
            land(lake, stripe, accounts=accounts).raise_for_status()


@pytest.mark.parametrize("others", [0, 1])
def test_a_lake_that_lost_its_rows_is_begun_from_scratch_with_accounts_that_are_new(
    lake: Path, stripe: StripeSimulator, others: int
) -> None:
    one, two, three = stripe.accounts()
    land(lake, stripe, accounts=[one, two]).raise_for_status()
    shutil.rmtree(lake / RAW)
    accounts = [one, two, *[three][:others]]
    with pytest.raises(TableError, match='give_up="scratch"'):
        land(lake, stripe, accounts=accounts).raise_for_status()
    assert 'give_up="scratch"' in str(planned_error(lake, stripe, accounts))
    assert planned_error(lake, stripe, accounts, give_up="scratch") is None
    land(lake, stripe, accounts=accounts, give_up="scratch").raise_for_status()
    assert landed_of(lake) == dict.fromkeys(accounts, EACH)


def test_a_run_that_lost_commits_is_given_up_while_other_accounts_go_on(lake: Path, stripe: StripeSimulator) -> None:
    one, two, _ = stripe.accounts()
    land(lake, stripe, accounts=[two]).raise_for_status()
    cut_off(lake, stripe, one)
    (run_id,) = {event["run_id"] for event in events(lake, f"stripe_account = '{one}'")}
    lose_newest_commit(lake)
    with pytest.raises(TableError, match=f'give run {run_id} up with give_up="restart"'):
        land(lake, stripe, accounts=[one, two]).raise_for_status()
    assert f"give run {run_id} up" in str(planned_error(lake, stripe, [one, two]))
    assert planned_error(lake, stripe, [one, two], give_up="restart") is None
    land(lake, stripe, accounts=[one, two], give_up="restart").raise_for_status()
    assert set(landed_of(lake)) == {one, two}
    land(lake, stripe, accounts=[one, two]).raise_for_status()


def test_a_plan_finds_what_a_run_would_miss_of_an_account_that_has_nothing_to_give_up(
    lake: Path, stripe: StripeSimulator
) -> None:
    one, two, _ = stripe.accounts()
    cut_off(lake, stripe, one)
    land(lake, stripe, accounts=[two]).raise_for_status()
    lose_newest_commit(lake)
    planned = planned_error(lake, stripe, [one, two], give_up="restart")
    (result,) = land(lake, stripe, accounts=[one, two], give_up="restart").entities
    assert planned is not None
    assert result.message == planned


def test_an_account_whose_events_were_changed_by_other_hands_does_not_stop_the_others(
    lake: Path, stripe: StripeSimulator
) -> None:
    one, two, three = stripe.accounts()
    cut_off(lake, stripe, one)

    def break_chain(rows: pa.Table) -> pa.Table:
        first = pc.and_kleene(pc.equal(rows["event_type"], "PAGE_COMMITTED"), pc.equal(rows["page_number"], 1))
        return rows.filter(pc.invert(pc.fill_null(first, fill_value=False)))

    tamper(lake, "stripe_ingestion_checkpoints", break_chain)
    report = land(lake, stripe, accounts=[one, two, three])
    (result,) = report.entities
    assert [(each.stripe_account, each.error_class) for each in result.accounts.failed] == [(one, "Table")]
    assert "changed by other hands" in str(result.message)
    assert result.accounts.complete == 2
    assert {account: count for account, count in landed_of(lake).items() if account != one} == {two: EACH, three: EACH}

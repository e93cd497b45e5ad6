"""What ends a list as a whole, or goes wrong in the counting, hides neither its accounts nor the other lists."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import BudgetError
from tests.children import wait_for
from tests.command import start
from tests.conftest import events
from tests.connected import EACH, land, platform
from tests.test_accounts_failures import MANY, ONE_BY_ONE, failed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("revoked", [1, 30])
def test_what_ends_the_list_does_not_hide_the_accounts_that_have_ended_before(
    lake: Path, caplog: pytest.LogCaptureFixture, revoked: int
) -> None:
    with platform(MANY) as stripe:
        accounts = stripe.accounts()
        for account in accounts[:revoked]:
            stripe.revoke(account)
        requests = revoked + 3
        report = land(lake, stripe, accounts=accounts, **ONE_BY_ONE, max_requests=requests)
    (result,) = report.entities
    assert isinstance(result.error, BudgetError)
    counts = result.accounts
    assert (counts.complete, len(counts.failed)) == (3, revoked)
    ends = f"3 of {MANY} accounts complete, {revoked} failed, {MANY - requests} not read to the end"
    head = f"charges: {ends}: max_requests {requests} is used up"
    assert str(report).count(head) == caplog.text.count(head) == 1
    said = str(report).splitlines()[-1]
    assert said.count("does not have access") == min(revoked, 20)
    assert ("and 10 more, which the JSON has" in said) == (revoked == 30)
    with pytest.raises(BudgetError, match=re.escape(head)):
        report.raise_for_status()


def test_an_interrupt_does_not_hide_the_accounts_that_have_ended_before(lake: Path) -> None:
    with platform(MANY, latency_ms=80, account_counts={"charges": 2 * EACH}) as stripe:
        account, *others = stripe.accounts()
        stripe.revoke(account)
        names = ",".join([account, *others])
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges", "--accounts", names)
        child = start("run", *given, "--page-size", 5, "--commit-interval-seconds", 0.2, "--max-concurrent-requests", 2)
        wait_for(lambda: account in failed(lake) and events(lake, "event_type = 'RUN_COMPLETED'"))
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=30)
    assert child.returncode == 130, said
    (line,) = re.findall(r"charges: \d+ of 50 accounts complete, 1 failed, \d+ not read to the end: .*", said)
    assert [text.count(f"{account}: ") for text in (line, said)] == [1, 1]
    assert "interrupted" in line


def test_an_error_in_the_counting_is_the_lists_and_the_other_lists_land(
    lake: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(accounts: Any, endings: Any, *_: Any) -> Any:
        raise KeyError([*accounts, *endings])

    with platform() as stripe:
        with monkeypatch.context() as patch:
            patch.setattr("stripe_raw_rs.entity_job.outcomes", fails)
            report = land(lake, stripe, entities="charges,customers")
            alone = land(lake, stripe, entities="charges", max_requests=1)
        assert {result.entity: result.state for result in report.entities} == dict.fromkeys(
            ("charges", "customers"), "failed"
        )
        assert all("KeyError" in str(result.message) for result in report.entities)
        assert caplog.text.count("charges: KeyError") == 1
        # The first error is the one to hear about.
        assert isinstance(alone.entities[0].error, BudgetError)
        land(lake, stripe, entities="charges,customers").raise_for_status()


def test_a_budget_that_the_list_of_accounts_uses_up_is_said_to_be_too_small(lake: Path) -> None:
    with platform(150, account_counts={}) as stripe, pytest.raises(BudgetError) as raised:
        land(lake, stripe, max_requests=1)
    what = "accounts: max_requests 1 is used up before all connected accounts are known"
    assert str(raised.value) == f"{what}; allow more, or name the accounts"

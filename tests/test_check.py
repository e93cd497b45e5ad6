"""`stripe-raw check` says which lists the key may read, and what to do about the rest; it writes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import AuthenticationError, PermissionMissingError, check
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call
from tests.conftest import DEFAULT, KEY

if TYPE_CHECKING:
    from pathlib import Path


def test_a_check_says_that_the_key_may_read_everything() -> None:
    with StripeSimulator(objects=10) as stripe:
        found = check(api_key=KEY, api_base_url=stripe.url, entities="all")
        assert {probe.state for probe in found.entities} == {"readable"}
        assert len(found.entities) == 79
        assert (found.mode, found.origin, found.stripe_account) == ("test", stripe.url, stripe.account)
        assert abs(found.clock_offset_seconds or 0) <= 2
        assert stripe.requests == 79 + 1, "one request for each list, one for the account"
        lists = [path for _, path, _ in stripe.request_log() if path != "/v1/account"]
        assert all("limit=1" in path for path in lists if "report_types" not in path)
        found.raise_for_status()


def test_a_missing_permission_is_named_and_the_other_lists_are_still_tried() -> None:
    with StripeSimulator(objects=10, denied=["charges", "refunds"]) as stripe:
        done = call("check", "--api-base-url", stripe.url)
        assert done.returncode == 1, done.stderr
        lines = done.stdout.splitlines()
        states = {line.split()[0]: line for line in lines[1:6]}
        assert states.keys() == set(DEFAULT)
        assert "permission missing" in states["charges"]
        assert "rak_charge_read" in states["charges"]
        assert "readable" in states["invoices"]
        assert any("give the restricted key read permission" in line for line in lines)
        (line,) = done.stderr.splitlines()
        assert line == "stripe-raw: error: 2 of 5 lists cannot be read (charges, refunds)"


def test_a_key_that_is_refused_is_not_tried_again() -> None:
    with StripeSimulator(objects=10, keys=["rk_test_another"]) as stripe:
        found = check(api_key=KEY, api_base_url=stripe.url)
        assert [probe.state for probe in found.entities] == ["failed"]
        assert {probe.entity for probe in found.entities} | {*found.not_tried} == {*DEFAULT}
        assert str(found).count("not tried") == 4
        with pytest.raises(AuthenticationError, match="check that the key") as raised:
            found.raise_for_status()
        (tried,) = found.entities
        said = f"{tried.entity} cannot be read, and 4 other lists would fail the same and were not tried"
        assert raised.value.summary == said
        assert found.stripe_account is None


def test_a_server_that_cannot_be_reached_is_not_tried_again() -> None:
    stripe = StripeSimulator(objects=1)
    stripe.stop()
    done = call("check", "--api-base-url", stripe.url, "--entities", "all")
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("failed") == 1
    assert "clock unknown" in done.stdout


def test_a_check_prints_json_for_machines(tmp_path: Path) -> None:
    with StripeSimulator(objects=10, denied=["payouts"]) as stripe:
        done = call("check", "--api-base-url", stripe.url, "--entities", "payouts,charges", "--output", "json")
        printed = json.loads(done.stdout)
        assert [(row["entity"], row["state"]) for row in printed["entities"]] == [
            ("payouts", "permission missing"),
            ("charges", "readable"),
        ]
        assert printed["entities"][0]["permission"] == "rak_payout_read"
    assert not list(tmp_path.iterdir())


def test_a_check_warns_of_a_secret_key() -> None:
    with StripeSimulator(objects=1) as stripe:
        done = call("check", "--api-base-url", stripe.url, key="sk_test_CANARYcanary")
        assert done.returncode == 0, done.stderr
        assert "a restricted key (rk_...) is enough" in done.stderr


def test_a_caller_can_read_the_missing_permission() -> None:
    with StripeSimulator(objects=1, denied=["charges"]) as stripe:
        (probe,) = check(api_key=KEY, api_base_url=stripe.url, entities="charges").entities
        assert isinstance(probe.error, PermissionMissingError)
        assert (probe.error.status, probe.permission) == (403, "rak_charge_read")
        assert repr(probe) == "EntityCheck(charges: permission missing)"


def test_a_list_of_single_objects_is_named_as_not_tried_with_the_reason() -> None:
    with StripeSimulator(objects=10) as stripe:
        found = check(api_key=KEY, api_base_url=stripe.url, entities="charges,customers/tax_ids")
        assert {row.entity for row in found} == {"charges", "customers"}
        printed = found.to_dict()
        assert printed["not_tried"] == ["customers_tax_ids"]
        (note,) = printed["notes"]
        assert note.startswith(
            "customers_tax_ids was not tried, since it cannot be asked without the id of one of the "
        )
        assert note in str(found).splitlines()
        assert repr(found).endswith("2 of 3 lists readable)")
        found.raise_for_status()
    refused = StripeSimulator(objects=10, keys=["rk_test_another"])
    with refused as stripe:
        found = check(api_key=KEY, api_base_url=stripe.url, entities="charges,customers/tax_ids")
        with pytest.raises(AuthenticationError) as raised:
            found.raise_for_status()
        assert raised.value.summary is not None
        assert "1 other list would fail the same" in raised.value.summary

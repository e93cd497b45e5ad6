"""`plan` says what the next run would do and about what it would cost; it asks little, and writes nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import BudgetError, StripeRawError, UsageError, ingest, plan
from stripe_raw_rs._core import MOST_SURVEY_REQUESTS
from stripe_raw_rs.simulator import StripeSimulator
from tests.children import wait_for
from tests.command import call, start
from tests.conftest import DEFAULT, KEY, events
from tests.connected import EACH, OWN, platform
from tests.connected import land as land_accounts

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Plan, PlannedList

HOUR, DAY = 3_600, 86_400


def ahead(lake: Path, stripe: StripeSimulator, entities: str = "charges", **options: Any) -> Plan:
    return plan(lake=lake, api_key=KEY, api_base_url=stripe.url, entities=entities, **options)


def land(lake: Path, stripe: StripeSimulator, entities: str = "charges", **options: Any) -> Any:
    return ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities=entities, **options)


def only(found: Plan) -> PlannedList:
    (planned,) = found.entities
    return planned


def tree(folder: Path) -> list[tuple[str, int, bytes]]:
    """All files with the times of their last change and their contents."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted((str(path), path.stat().st_mtime_ns, path.read_bytes()) for path in files)


def test_without_a_lake_all_lists_are_first_runs_and_none_is_made(tmp_path: Path) -> None:
    counts = dict.fromkeys(DEFAULT, 4_000) | {"refunds": 60}
    with StripeSimulator(seed=3, counts=counts) as stripe:
        found = ahead(tmp_path / "lake", stripe, "")
        sent = {name: stripe.entity_requests(name) for name in DEFAULT}
        assert not list(tmp_path.iterdir())
        assert sent == {planned.entity: planned.requests_sent for planned in found.entities}
        assert max(sent.values()) <= MOST_SURVEY_REQUESTS
        assert stripe.requests == sum(sent.values()) + 1, "and one for the account's id"
    for planned in found.entities:
        assert (planned.state, planned.start_created_gte, planned.new) == ("readable", None, 1)
        assert planned.next_run == "reads the whole list, newest first"
        assert planned.objects is not None
        if planned.entity == "refunds":
            assert (planned.objects, planned.accuracy, planned.requests_sent) == (60, "exact", 1)
        else:
            assert 2_000 <= planned.objects <= 8_000
            assert planned.accuracy == "about"
            assert planned.requests == -(-planned.objects // 100)
    assert found.exit_code == 0
    found.raise_for_status()


def test_a_plan_of_a_lake_changes_no_file_and_asks_once_for_each_list(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 700, "refunds": 300, "quotes": 150}, frozen_clock=True) as stripe:
        land(lake, stripe, "charges,refunds,quotes").raise_for_status()
        stripe.advance(HOUR)
        stripe.add("charges", 7)
        before, asked = tree(lake), stripe.requests
        found = ahead(lake, stripe, "charges,refunds,quotes")
        assert tree(lake) == before
        assert stripe.requests - asked == 3 + 1
        charges, refunds, quotes = found.entities
        newest = stripe.created("charges", stripe.ids("charges")[7]) or 0
        again = [id_ for id_ in stripe.ids("charges") if (stripe.created("charges", id_) or 0) >= newest - HOUR]
        assert charges.start_created_gte == newest - HOUR
        assert (charges.objects, charges.accuracy, charges.requests) == (len(again), "exact", 1)
        assert refunds.objects is not None
        assert refunds.objects < 20
        assert (quotes.accuracy, quotes.requests) == ("exact", 1), "its one page ends below the window"
        landed = {result.entity: result for result in land(lake, stripe, "charges,refunds,quotes").entities}
        assert landed["charges"].requests == charges.requests
        assert landed["charges"].rows + landed["charges"].unchanged == charges.objects


def test_a_run_that_is_not_finished_goes_on_with_what_is_left(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 3_000}) as stripe:
        with pytest.raises(BudgetError):
            land(lake, stripe, max_requests=10, commit_interval_seconds=0).raise_for_status()
        landed = sum(event["row_count"] for event in events(lake, "event_type = 'PAGE_COMMITTED'"))
        (run_id,) = {event["run_id"] for event in events(lake)}
        before = tree(lake)
        planned = only(ahead(lake, stripe))
        assert tree(lake) == before
    assert (planned.next_run, planned.run_id, planned.continued) == (f"goes on with run {run_id}", run_id, 1)
    assert planned.objects is not None
    assert (3_000 - landed) / 2 <= planned.objects <= (3_000 - landed) * 2
    assert f"charges: goes on with run {run_id}" in str(ahead_of(planned))


def ahead_of(planned: PlannedList) -> Any:
    from stripe_raw_rs import Plan  # noqa: PLC0415 - here alone it is made by hand

    return Plan("here", "there", "test", None, 1, (planned,), follows=False, seconds_at_limit=None)


def test_a_run_that_would_be_given_up_says_so(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 500}) as stripe:
        with pytest.raises(BudgetError):
            land(lake, stripe, max_requests=3, commit_interval_seconds=0).raise_for_status()
        restart, scratch = (only(ahead(lake, stripe, give_up=how)) for how in ("restart", "scratch"))
    assert re.fullmatch(r"gives up run \w+, and the next run reads its window again", restart.next_run)
    assert re.fullmatch(r"gives up run \w+, and the next run begins at the beginning .*", scratch.next_run)
    assert (scratch.start_created_gte, scratch.continued) == (None, 1)


def test_a_run_of_another_process_is_held(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 20_000, "refunds": 5}, latency_ms=50) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges", "--page-size", 5)
        child = start("run", *given, "--commit-interval-seconds", 0.2)
        try:
            wait_for(lambda: events(lake, "event_type = 'PAGE_COMMITTED'"))
            found = ahead(lake, stripe, "charges,refunds")
            taken = only(ahead(lake, stripe, take_over=True))
        finally:
            child.kill()
            child.communicate()
    charges, refunds = found.entities
    assert (charges.is_held, refunds.is_held, found.exit_code) == (True, False, 1)
    assert f"/{child.pid} holds run" in str(charges.error)
    assert "take_over=True" in str(charges.error)
    assert taken.next_run.startswith("goes on with run")
    with pytest.raises(StripeRawError, match="holds run") as raised:
        found.raise_for_status()
    assert raised.value.summary == "1 of 2 lists would fail (charges)"


def test_a_missing_permission_is_named_and_the_plan_fails(tmp_path: Path) -> None:
    with StripeSimulator(objects=200, denied=["charges"]) as stripe:
        done = call("plan", "--lake", tmp_path / "lake", "--api-base-url", stripe.url)
        read = json.loads(
            call("plan", "--lake", tmp_path / "lake", "--api-base-url", stripe.url, "--output", "json").stdout
        )
        assert stripe.entity_requests("charges") == 2, "one each time"
    assert done.returncode == 1
    (row,) = [line for line in done.stdout.splitlines() if re.match(r"charges +missing", line)]
    assert row.split()[1:3] == ["missing", "-"]
    assert re.search(r"^charges: .*give the restricted key read permission", done.stdout, re.MULTILINE)
    assert done.stderr == "stripe-raw: error: 1 of 5 lists would fail (charges)\n"
    (charges,) = [planned for planned in read["entities"] if planned["entity"] == "charges"]
    assert (charges["state"], charges["permission"]) == ("permission missing", "rak_charge_read")
    assert not list(tmp_path.iterdir())


def test_a_list_that_the_account_lacks_is_skipped_unless_it_was_named(tmp_path: Path) -> None:
    with StripeSimulator(objects=5, products_off=["Issuing"]) as stripe:
        group = ahead(tmp_path / "lake", stripe, "issuing,charges")
        assert group.exit_code == 0
        assert {planned.entity for planned in group.entities if planned.skipped} >= {"issuing_cards"}
        (line,) = [line for line in str(group).splitlines() if "does not have" in line]
        assert line.startswith("7 lists would be skipped, because the account does not have them: issuing_auth")
        named = ahead(tmp_path / "lake", stripe, "issuing_cards")
        assert (named.exit_code, only(named).skipped) == (1, None)


def test_the_first_run_begins_at_start(tmp_path: Path) -> None:
    with StripeSimulator(counts={"charges": 900}, frozen_clock=True, history_days=300) as stripe:
        newest = stripe.created("charges", stripe.ids("charges")[0]) or 0
        since = newest - 100 * DAY
        inside = sum((stripe.created("charges", id_) or 0) >= since for id_ in stripe.ids("charges"))
        planned = only(ahead(tmp_path / "lake", stripe, start=since))
        paths = [path for _, path, _ in stripe.request_log() if "charges" in path]
    assert planned.start_created_gte == since
    assert planned.objects is not None
    assert inside / 2 <= planned.objects <= inside * 2
    assert all("created%5Bgte%5D" in path or "created[gte]" in path for path in paths), paths
    with pytest.raises(UsageError, match="is in the future"):
        ahead(tmp_path / "lake", StripeSimulator(objects=1), start="2999-01-01")


def test_a_list_that_stripe_does_not_filter_has_more_than_one_page_shows(tmp_path: Path) -> None:
    with StripeSimulator(counts={"quotes": 101, "payment_methods": 100}) as stripe:
        quotes, methods = ahead(tmp_path / "lake", stripe, "quotes,payment_methods").entities
    assert (quotes.objects, quotes.accuracy, quotes.requests_sent) == (100, "at least", 1)
    assert (methods.objects, methods.accuracy, methods.requests_sent) == (100, "exact", 1)
    assert "more than 100" in quotes.cells(to_the_day=False)


def test_many_objects_of_one_second_give_a_lower_bound(tmp_path: Path) -> None:
    with StripeSimulator(counts={"charges": 0}) as stripe:
        stripe.add("charges", 300, created=1_700_000_000)
        planned = only(ahead(tmp_path / "lake", stripe))
    assert (planned.accuracy, planned.objects) == ("at least", 100)
    assert planned.requests_sent <= MOST_SURVEY_REQUESTS


def test_one_answer_that_goes_wrong_does_not_say_that_a_run_would_fail(tmp_path: Path) -> None:
    with StripeSimulator(counts={"charges": 30}, faults="status=503@charges:n1") as stripe:
        planned = only(ahead(tmp_path / "lake", stripe, backoff_base_seconds=0.01))
        assert (planned.objects, planned.accuracy, planned.requests_sent, planned.error) == (30, "exact", 2, None)
        stripe.set_faults("status=503@charges:p1")
        assert only(ahead(tmp_path / "lake", stripe, backoff_base_seconds=0.01)).state == "failed"


def test_of_several_accounts_only_the_keys_own_is_asked(lake: Path) -> None:
    with platform() as stripe:
        first = ahead(lake, stripe, accounts="all")
        charges = only(first)
        assert (first.accounts, charges.new, charges.requests, charges.objects) == (5, 5, 5, OWN)
        assert sum(stripe.entity_requests("charges", account=name) for name in stripe.accounts()) == 0
        assert "charges: 5 accounts: 5 new" in str(first)
        assert "only the key's own was asked" in str(first)
        assert not lake.exists()
        # The first run follows no events: some of them had happened before.
        for _ in range(2):
            land_accounts(lake, stripe, entities="charges,events").raise_for_status()
        before = tree(lake)
        again = ahead(lake, stripe, "charges,events", accounts="all")
        planned = {each.entity: each for each in again.entities}
        assert (planned["charges"].without_news, planned["charges"].new) == (5, 0)
        assert planned["events"].new == 5
        assert "without news so far" in str(again)
        assert tree(lake) == before
        one = only(ahead(lake, stripe, accounts=stripe.accounts()[:1]))
        assert one.objects is not None
        assert one.objects <= EACH


def test_the_table_fits_into_a_hundred_columns_with_all_lists(lake: Path) -> None:
    with StripeSimulator(objects=2_000, frozen_clock=True) as stripe:
        shown = str(ahead(lake, stripe, "all"))
        land(lake, stripe, "all").raise_for_status()
        again = str(ahead(lake, stripe, "all"))
        read = ahead(lake, stripe, "all").to_dict()
    for text in (shown, again):
        table = [line for line in text.splitlines() if re.match(r"\w+ +(permission|yes|-|missing)", line)]
        assert len(table) == 80
        assert max(map(len, table)) <= 100
    starts = [planned["start_created_gte"] for planned in read["entities"] if planned["start_created_gte"]]
    assert starts
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment) for moment in starts)
    assert read["share"] == read["requests"] / 10_000


def test_a_dry_run_is_the_plan(tmp_path: Path) -> None:
    with StripeSimulator(objects=500, frozen_clock=True) as stripe:
        given = ("--lake", tmp_path / "lake", "--api-base-url", stripe.url, "--max-requests-per-second", 20)
        dry = call("run", *given, "--dry-run", "--maintenance", "no")
        planned = call("plan", *given)
    assert dry.returncode == planned.returncode == 0, dry.stderr
    assert dry.stdout == planned.stdout
    assert re.search(r"in all: [\d,]+ objects, \d+ requests, less than a minute at the limit", dry.stdout)
    assert "nothing was written" in dry.stdout
    assert not list(tmp_path.iterdir())


def test_a_lake_of_another_account_is_refused_as_a_run_would_refuse_it(lake: Path) -> None:
    with StripeSimulator(seed=1, counts={"charges": 5}) as stripe, StripeSimulator(seed=2) as other:
        land(lake, stripe).raise_for_status()
        before = tree(lake)
        with pytest.raises(UsageError):
            ahead(lake, other)
        assert tree(lake) == before

"""One odd object never stops a list: a JSON object with a text for its id lands, and any other element is named."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import AnswerError, check, ingest, main, status, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, compact, events, landed
from tests.places import place_of, tables_of
from tests.truth import assert_true

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs import Report

OBJECTS = 350
DEEP = 200


def changed(**members: Any) -> Callable[[bytes], bytes]:
    """The object with other values for some members; `...` takes the member away."""

    def change(raw: bytes) -> bytes:
        values = {**json.loads(raw), **members}
        return json.dumps({name: value for name, value in values.items() if value is not ...}).encode()

    return change


def with_text(name: str, text: str) -> Callable[[bytes], bytes]:
    """The object with the value of a member written like this."""
    return lambda raw: changed(**{name: "?"})(raw).replace(f'"{name}": "?"'.encode(), f'"{name}": {text}'.encode())


def _others(raw: bytes) -> set[str]:
    return set(json.loads(raw)) - {"id", "object"}


LAND: dict[str, Callable[[bytes], bytes]] = {
    "no created": changed(created=...),
    "created is null": changed(created=None),
    "created is a text": changed(created="1700000000"),
    "created is a decimal": with_text("created", "1700000000.0"),
    "created is written with an exponent": with_text("created", "17e8"),
    "created is negative": changed(created=-1),
    "created is beyond 2^53": with_text("created", "9007199254740993"),
    "created is beyond 64 bits": with_text("created", "9" * 40),
    "created is an object": changed(created={"at": 1}),
    "created is long past": changed(created=5),
    "created is far ahead": changed(created=99_999_999_999),
    "livemode is a text": changed(livemode="no"),
    "a key twice": lambda raw: raw[: raw.rindex(b"}")] + b', "object": "customer"}',
    "all members of other types": lambda raw: changed(**{name: [7] for name in _others(raw)})(raw),
    "only id and object": lambda raw: json.dumps({k: json.loads(raw)[k] for k in ("id", "object")}).encode(),
    "a name that no text can hold": with_text("name", '"\\ud800\\u0000"'),
}

REFUSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no id": (changed(id=...), "an object has no 'id'"),
    "id is a number": (changed(id=7), "an object has no 'id'"),
    "id is empty": (changed(id=""), "an object has no 'id'"),
    "another object": (changed(object="charge"), "not a 'customer' but a 'charge'"),
    "no object": (changed(object=...), "does not say that it is a 'customer'"),
    "a number": (lambda _raw: b"7", "not an object"),
    "null": (lambda _raw: b"null", "not an object"),
    "too deep": (with_text("metadata", "[" * DEEP + "]" * DEEP), "more than 128 levels deep"),
}


class Account:
    """A list of customers in which some objects are odd."""

    def __init__(self, stripe: StripeSimulator) -> None:
        self.stripe = stripe
        self.ids = stripe.ids("customers")
        self.refused: list[str] = []

    def make(self, position: int, change: Callable[[bytes], bytes]) -> str:
        identifier = self.ids[position]
        self.stripe.replace("customers", identifier, change(self.stripe.raw("customers", identifier)))
        return identifier

    def refuse(self, position: int, change: Callable[[bytes], bytes]) -> None:
        self.refused.append(self.make(position, change))

    def land(self, lake: Path, **options: Any) -> Report:
        quick = {"entities": "customers", "backoff_base_seconds": 0.01, **options}
        return ingest(**place_of(lake), api_key=KEY, api_base_url=self.stripe.url, **quick)

    def assert_landed(self, lake: Path) -> None:
        """Check that all but the refused objects are there as they were sent, once a run."""
        rows = landed(lake, "customers", "_stripe_id, _ingest_run_id, _raw_json").to_pylist()
        assert {row["_stripe_id"] for row in rows} == set(self.ids) - set(self.refused)
        assert len({(row["_stripe_id"], row["_ingest_run_id"]) for row in rows}) == len(rows)
        for row in rows:
            assert row["_raw_json"] == compact(self.stripe.raw("customers", row["_stripe_id"]))


@pytest.fixture
def account() -> Any:
    with StripeSimulator(seed=3, counts={"customers": OBJECTS}) as stripe:
        yield Account(stripe)


def untimed(lake: Path) -> set[str]:
    rows = landed(lake, "customers", "_stripe_id, _stripe_created_at").to_pylist()
    return {row["_stripe_id"] for row in rows if row["_stripe_created_at"] is None}


@pytest.mark.parametrize("page_size", [100, 7])
@pytest.mark.parametrize("odd", LAND)
def test_an_odd_object_lands_and_the_list_goes_on_below_it(
    lake: Path, account: Account, odd: str, page_size: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    identifier = account.make(OBJECTS - 11, LAND[odd])
    account.land(lake, page_size=page_size).raise_for_status()
    account.assert_landed(lake)
    if odd not in ("created is long past", "created is far ahead"):
        assert_true(lake, account.stripe, "customers")
    is_timed = odd in ("livemode is a text", "a key twice", "a name that no text can hold")
    assert untimed(lake) == (set() if is_timed else {identifier})
    warnings = [record.getMessage() for record in caplog.records if "customers" in record.getMessage()]
    assert len(warnings) == (not is_timed)
    assert all(identifier in warning and "'created'" in warning for warning in warnings)
    account.land(lake).raise_for_status()


@pytest.mark.parametrize("page_size", [100, 7])
@pytest.mark.parametrize("odd", REFUSED)
def test_an_object_that_cannot_be_a_row_is_named_and_all_others_land(
    lake: Path, account: Account, odd: str, page_size: int
) -> None:
    change, why = REFUSED[odd]
    account.refuse(OBJECTS - 11, change)
    report = account.land(lake, page_size=page_size)
    with pytest.raises(AnswerError) as raised:
        report.raise_for_status()
    line = str(raised.value)
    assert line.startswith("customers: object ")
    for part in (why, " of page ", "[request req_", "ask Stripe's support about that request"):
        assert part in line
    assert (report.exit_code, report.entities[0].refused, report.entities[0].rows) == (1, 1, OBJECTS - 1)
    account.assert_landed(lake)
    (named,) = events(lake, "event_type = 'OBJECT_REFUSED'")
    assert (named["error_class"], named["error_message"]) == ("Answer", line)
    assert named["request_id"] in line
    assert f"of page {named['page_number']} " in line
    said = str(verify(tables=tables_of(lake))).splitlines()
    assert any(line.removeprefix("customers: ") in finding for finding in said)
    (stands,) = status(tables=tables_of(lake))["customers"].accounts
    assert (stands.state, stands.refused) == ("complete", (line,))
    # It is below the lookback, so the next run does not see it; the message about it stays.
    account.land(lake).raise_for_status()
    (stands,) = status(tables=tables_of(lake))["customers"].accounts
    assert stands.refused == (line,)


@pytest.mark.story
@pytest.mark.parametrize(
    "options", [{}, {"page_size": 10}, {"max_concurrent_requests": 1, "commit_interval_seconds": 0}]
)
def test_a_list_in_which_each_fiftieth_object_is_odd_in_another_way_lands(lake: Path, options: dict[str, Any]) -> None:
    ways = [*LAND.values(), *(change for change, _ in REFUSED.values())]
    with StripeSimulator(seed=3, counts={"customers": 50 * len(ways)}) as stripe:
        account = Account(stripe)
        for number, change in enumerate(ways):
            act = account.make if number < len(LAND) else account.refuse
            act(50 * number + 25, change)
        report = account.land(lake, **options)
        (result,) = report.entities
        assert (result.exit_code, result.refused, result.undated) == (1, len(REFUSED), len(LAND) - 3)
        assert f"and {len(REFUSED) - 1} more" in str(result.message)
        assert f"customers: {len(LAND) - 3} objects landed without a usable time" in str(report)
        account.assert_landed(lake)
        named = events(lake, "event_type = 'OBJECT_REFUSED'")
        assert len({(event["page_number"], event["error_message"]) for event in named}) == len(REFUSED)
        verify(tables=tables_of(lake)).raise_for_status()
        account.land(lake).raise_for_status()


def test_the_command_line_shows_refused_objects(
    lake: Path, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    for position in range(OBJECTS - 35, OBJECTS - 10):
        account.refuse(position, changed(id=...))
    account.land(lake)
    main(["status", "--lake", str(lake)])
    said = capsys.readouterr().out
    assert said.count("customers: refused: ") == 21
    assert "customers: refused: and 5 more, which the JSON has" in said
    main(["status", "--lake", str(lake), "--output", "json"])
    assert len(json.loads(capsys.readouterr().out)["entities"][0]["refused"]) == 25


def test_a_check_says_what_is_wrong_with_the_object_that_it_asks_for(account: Account) -> None:
    for change, state, said in [
        (changed(created=None), "readable", None),
        (changed(id=...), "failed", "an object has no 'id'"),
    ]:
        account.make(0, change)
        (probe,) = check(api_key=KEY, api_base_url=account.stripe.url, entities="customers").entities
        assert probe.state == state
        assert (probe.error is None) if said is None else (said in str(probe.error))

"""The answers of the library: they are found by name, compared, and shown as text, JSON and HTML."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import stripe_raw_rs
from stripe_raw_rs import Report, UsageError, check, entities, ingest, latest, status, verify
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.value import Listing
from tests.command import call
from tests.conftest import KEY, tamper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Columns of the tables, and what an answer would call the same thing otherwise.
OTHER_NAMES = {"account", "name", "seconds", "created"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Report, list[Any]]]:
    """A lake with one list that has landed and one that was refused, and all answers about it."""
    lake = tmp_path_factory.mktemp("values") / "lake"
    with StripeSimulator(counts={"charges": 30, "refunds": 20}, denied=["refunds"]) as stripe:
        options: dict[str, Any] = {"api_key": KEY, "api_base_url": stripe.url, "entities": "charges,refunds"}
        report = ingest(lake=lake, **options)
        yield lake, report, [report, status(lake=lake), verify(lake=lake), check(**options), entities()]


def test_only_what_is_public_is_shown_and_all_of_it_is_there() -> None:
    program = "import stripe_raw_rs as s; print(*dir(s)); print(*s.__all__)"
    shown, public = (line.split() for line in _run(program))
    assert shown == sorted(public)
    assert {"ingest", "check", "status", "verify", "latest", "entities"} < set(shown)
    assert all(hasattr(stripe_raw_rs, name) for name in shown)
    assert not [name for name in shown if inspect.ismodule(getattr(stripe_raw_rs, name))]


def _run(program: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[:-1]


def test_an_answer_gives_its_lists_by_name_and_by_number_and_counts_them(place: tuple[Path, Report, list[Any]]) -> None:
    for answer in place[2]:
        assert answer["charges"] in answer
        assert "charges" in answer
        assert "chargess" not in answer
        assert next(iter(answer)) == answer[0]
        assert len([*answer]) == len(answer)
        with pytest.raises(KeyError, match="did you mean charges"):
            answer["chargess"]


def test_equal_answers_are_equal_and_others_are_not(place: tuple[Path, Report, list[Any]]) -> None:
    lake, report, (_, found, audit, _, lists) = place
    assert (status(lake=lake), verify(lake=lake), entities()) == (found, audit, lists)
    assert len({status(lake=lake), found, audit, lists}) == 3
    assert report["charges"] != report["refunds"]
    assert report == Report(report.location, report.entities, report.duration_seconds)
    # The same counters, and another end.
    assert report["refunds"] != type(report["refunds"])(**{**vars(report["refunds"]), "error": None})
    assert entities("charges") != entities("refunds")


def test_every_repr_fits_a_line_of_a_screen(place: tuple[Path, Report, list[Any]]) -> None:
    lake = str(place[0])
    with StripeSimulator(objects=1) as stripe:
        every = check(api_key=KEY, api_base_url=stripe.url, entities="all")
    for answer in (*place[2], every, *(row for each in place[2] for row in each), latest("charges", lake=lake)):
        shown = repr(answer).replace(lake, "./lake")
        assert "\n" not in shown
        assert len(shown) < 120, shown


def test_an_answer_is_json_with_the_names_of_the_tables_and_times_in_utc(place: tuple[Path, Report, list[Any]]) -> None:
    for answer in place[2]:
        assert isinstance(answer, Listing)
        values = json.loads(json.dumps(answer.to_dict()))
        assert {row["entity"] for row in values["entities"]} == {_name(row) for row in answer}
        for row in (values, *values["entities"]):
            assert not OTHER_NAMES & row.keys()
            for name in ("watermark", "followed_to", "last_event"):
                assert row.get(name) is None or RFC_3339.fullmatch(row[name]), (name, row)
    row = place[1].to_dict()["entities"][0]
    assert RFC_3339.fullmatch(row["watermark"])
    assert isinstance(row["duration_seconds"], float)


def _name(row: Any) -> str:
    return str(getattr(row, "entity", None) or row.name)


def test_the_commands_print_the_same_json_as_the_answers(place: tuple[Path, Report, list[Any]]) -> None:
    lake = place[0]
    for command, answer in (("status", status(lake=lake)), ("verify", verify(lake=lake))):
        printed = call(command, "--lake", lake, "--output", "json", key=None).stdout
        assert json.loads(printed) == {"command": command, **answer.to_dict()}
    printed = call("entities", "--output", "json", key=None).stdout
    assert json.loads(printed)["entities"][0]["entity"] == "accounts"


def test_verify_says_what_it_finds_and_raises_only_if_asked(lake: Path, stripe: StripeSimulator) -> None:
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges")
    verify(lake=lake).raise_for_status()
    tamper(lake, "stripe_charges_raw", lambda rows: rows.slice(1))
    found = verify(lake=lake)
    assert found.exit_code == 1
    assert {entity for entity, _, _ in found.findings} == {"charges"}
    # By their names, as in JSON, or as pairs.
    assert [each._asdict() for each in found["charges"].findings] == found.to_dict()["entities"][0]["findings"]
    assert [(one.entity, one.kind, one.message) for one in found.findings] == [*found.findings]
    with pytest.raises(stripe_raw_rs.TableError, match="finding"):
        found.raise_for_status()


def test_the_environment_stands_behind_the_keywords(
    place: tuple[Path, Report, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_RAW_LAKE", str(place[0]))
    assert status() == place[2][1]
    assert verify() == place[2][2]
    assert len(latest("charges")) == 30
    for call_it in (status, verify):
        with pytest.raises(UsageError, match="unknown option 'entities'"):
            call_it(entities="charges")  # type: ignore[call-arg]

"""The main job against the simulator: the rows that land, a second run, and recovery."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from stripe_raw_rs import (
    Client,
    FencedError,
    HeldError,
    TableError,
    UsageError,
    entities,
    ingest,
    keywords,
    pipeline,
    verify,
)
from stripe_raw_rs.raw_writer import RawWriter
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.state_store import StateStore
from tests.children import wait_for
from tests.conftest import DEFAULT, KEY, SCHEMA, Columns, assert_whole, events, landed
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stripe_raw_rs import Report
    from stripe_raw_rs.tables import Tables


contract = pytest.mark.contract
story = pytest.mark.story


def version(lake: Path, name: str) -> int:
    return DeltaTable(lake / name).version()


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    return ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **options)


@contract
def test_everything_lands_as_sent(lake: Path, stripe: StripeSimulator) -> None:
    report = land(lake, stripe)
    report.raise_for_status()
    assert {result.entity for result in report.entities} == set(DEFAULT)
    assert {result.state for result in report.entities} == {"complete"}
    for result in report.entities:
        assert_whole(lake, stripe, result.entity)
        assert result.rows == len(stripe.ids(result.entity))
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_second_run_reads_only_new_objects(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe).raise_for_status()
    before = stripe.requests
    stripe.add("charges", 5)
    report = land(lake, stripe, lookback_seconds=0)
    report.raise_for_status()
    assert stripe.requests - before <= 2 * len(DEFAULT)
    assert_whole(lake, stripe, "charges")
    runs = events(lake, "entity = 'charges' AND event_type = 'RUN_COMPLETED'")
    assert len({run["run_id"] for run in runs}) == 2
    assert sum(result.rows for result in report.entities) < 100


def test_a_run_of_an_empty_account_is_complete(lake: Path) -> None:
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 0)) as stripe:
        for _ in range(2):
            report = land(lake, stripe)
            assert (report.exit_code, sum(result.rows for result in report.entities)) == (0, 0)
    verify(tables=tables_of(lake)).raise_for_status()


def test_one_entity_that_fails_does_not_stop_the_others(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, entities="refunds").raise_for_status()
    raw = lake / "stripe_refunds_raw"
    raw.rename(lake / "elsewhere")
    report = land(lake, stripe)
    assert report.exit_code == 1
    assert {result.entity: result.state for result in report.entities if result.error} == {"refunds": "failed"}
    assert "refunds: the rows in table" in str(report)
    with pytest.raises(TableError, match=r"are gone.*give_up=.scratch."):
        report.raise_for_status()
    assert_whole(lake, stripe, "charges")
    land(lake, stripe, entities="refunds", give_up="scratch").raise_for_status()
    assert_whole(lake, stripe, "refunds")


@contract
def test_a_checkpoint_table_with_other_columns_stops_all_before_anything_is_written(
    lake: Path, stripe: StripeSimulator
) -> None:
    name = "stripe_ingestion_checkpoints"
    tables_of(lake).table(name).create(Columns(SCHEMA), {}, "mine")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{name}.*another schema"):
        land(lake, stripe)
    assert [path.name for path in lake.iterdir()] == [name]
    # No list is asked for: only the account, once.
    assert [path for _, path, _ in stripe.request_log()] in ([], ["/v1/account"])


@story
def test_a_raw_table_with_other_columns_stops_its_own_list(lake: Path, stripe: StripeSimulator) -> None:
    name = "stripe_refunds_raw"
    tables_of(lake).table(name).create(Columns(SCHEMA), {}, "mine")  # type: ignore[arg-type]
    report = land(lake, stripe, entities="charges,refunds")
    assert [(result.state, result.exit_code) for result in report.entities] == [("complete", 0), ("failed", 1)]
    assert_whole(lake, stripe, "charges")
    line = str(report.entities[1].message)
    assert f"{name}' has another schema: column '_entity' is missing; " in line
    assert line.endswith('mend the column, or move the table away and land everything again with give_up="scratch"')
    assert version(lake, name) == 0, "nothing is written to it"
    assert events(lake, "entity = 'refunds'") == []


def add_column(table: Path) -> None:
    DeltaTable(table).alter.add_columns([Field("mine", PrimitiveType("string"))])


@story
def test_a_column_that_the_owner_added_to_a_table_disturbs_nobody(lake: Path, stripe: StripeSimulator) -> None:
    for _ in range(2):
        land(lake, stripe, entities="charges").raise_for_status()
        stripe.add("charges", 3)
        for name in ("stripe_charges_raw", "stripe_ingestion_checkpoints"):
            if "mine" not in {field.name for field in DeltaTable(lake / name).schema().fields}:
                add_column(lake / name)
    land(lake, stripe, entities="charges").raise_for_status()
    assert_whole(lake, stripe, "charges")
    assert set(DeltaTable(lake / "stripe_charges_raw").to_pyarrow_table()["mine"].to_pylist()) == {None}
    verify(tables=tables_of(lake)).raise_for_status()


def test_stripe_is_asked_for_the_account_while_the_tables_are_opened(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(options: Mapping[str, Any]) -> Tables:
        wait_for(lambda: stripe.requests == 1)
        return keywords.place_of(options)

    monkeypatch.setattr(pipeline, "place_of", slowly)
    land(lake, stripe).raise_for_status()
    assert [path for _, path, _ in stripe.request_log()].count("/v1/account") == 1


def test_a_raw_table_of_another_lake_is_not_written_to(lake: Path, tmp_path: Path, stripe: StripeSimulator) -> None:
    for place in (lake, tmp_path / "other"):
        land(place, stripe, entities="charges").raise_for_status()
    shutil.rmtree(lake / "stripe_charges_raw")
    shutil.copytree(tmp_path / "other" / "stripe_charges_raw", lake / "stripe_charges_raw")
    with pytest.raises(TableError, match=r"belongs to store .* one of them was replaced"):
        land(lake, stripe, entities="charges").raise_for_status()
    assert version(lake, "stripe_charges_raw") == version(tmp_path / "other", "stripe_charges_raw")
    ((_, kind, message),) = verify(tables=tables_of(lake)).findings
    assert kind == "unreadable"
    assert "belongs to store" in message


@pytest.mark.parametrize("objects", [0, 7])
def test_a_run_that_finds_nothing_new_is_one_commit_and_none_to_the_raw_table(lake: Path, objects: int) -> None:
    names = ("stripe_charges_raw", "stripe_ingestion_checkpoints")
    with StripeSimulator(counts={"charges": objects}) as stripe:
        land(lake, stripe, entities="charges").raise_for_status()
        before = [version(lake, name) for name in names]
        (result,) = land(lake, stripe, entities="charges").entities
    assert [version(lake, name) for name in names] == [before[0], before[1] + 1]
    assert (result.rows, result.unchanged > 0) == (0, objects > 0)


def test_a_run_with_a_few_new_objects_is_three_commits(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, entities="charges").raise_for_status()
    names = ("stripe_charges_raw", "stripe_ingestion_checkpoints")
    before = [version(lake, name) for name in names]
    stripe.add("charges", 3)
    (result,) = land(lake, stripe, entities="charges").entities
    assert [version(lake, name) for name in names] == [before[0] + 1, before[1] + 2]
    assert result.rows == 3


def test_objects_that_are_listed_again_land_again_on_request(lake: Path, stripe: StripeSimulator) -> None:
    for repeats, rows in (("skip", 250), ("skip", 0), ("land", 1)):
        (result,) = land(lake, stripe, entities="charges", repeats=repeats, lookback_seconds=0).entities
        assert (result.rows >= rows, result.rows == 0) == (True, rows == 0), repeats
    with pytest.raises(UsageError, match="repeats must be skip or land, not 'both'"):
        land(lake, stripe, repeats="both")


def test_a_lake_of_another_server_is_refused(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe, entities="charges").raise_for_status()
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 1)) as other, pytest.raises(UsageError) as refused:
        land(lake, other)
    assert stripe.url in str(refused.value)
    assert other.url in str(refused.value)


def test_a_lake_of_another_account_is_refused(lake: Path) -> None:
    with StripeSimulator(seed=1, counts=dict.fromkeys(DEFAULT, 1)) as one:
        land(lake, one, entities="charges").raise_for_status()
        port = one.port
    with StripeSimulator(seed=2, counts=dict.fromkeys(DEFAULT, 1), port=port) as other:
        with pytest.raises(UsageError, match="belongs to account") as refused:
            land(lake, other, entities="charges")
        assert one.account in str(refused.value)
        assert other.account in str(refused.value)
        assert other.entity_requests("charges") == 0


class ByHand:
    """A run of charges that a test takes through the write protocol, step by step."""

    def __init__(self, lake: Path, stripe: StripeSimulator, **options: Any) -> None:
        client = Client(KEY, api_base_url=stripe.url, commit_interval_seconds=0.0, **options)
        self.state = StateStore(tables_of(lake), client)
        self.raw = RawWriter(tables_of(lake), entities("charges")[0], self.state.store_id)
        self.raw.create()
        history = self.state.history("charges", None)
        self.run = client.attempt("charges", history, store_id=self.state.store_id, owner="job one")
        claimed, claim = next(self.run)
        assert len(claimed) == 0
        self.state.append(claim)


@story
def test_an_unfinished_run_belongs_to_its_process_until_it_is_taken_over(lake: Path, stripe: StripeSimulator) -> None:
    by_hand = ByHand(lake, stripe, page_size=10)
    rows, checkpoint = next(by_hand.run)
    by_hand.raw.append(rows)
    by_hand.state.append(checkpoint)
    held = land(lake, stripe, entities="charges", owner="job two")
    assert held.exit_code == 75
    with pytest.raises(HeldError, match="job one"):
        held.raise_for_status()
    land(lake, stripe, entities="charges", owner="job two", take_over=True).raise_for_status()
    rows, checkpoint = next(by_hand.run)
    silent = tables_of(lake).table("stripe_charges_raw").skips_silently
    with nullcontext() if silent else pytest.raises(FencedError):
        by_hand.raw.append(rows)
    with nullcontext() if silent else pytest.raises(FencedError):
        by_hand.state.append(checkpoint)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


@story
def test_rows_without_events_are_recovered_however_many_they_are(lake: Path) -> None:
    """They are more than any reader of the tables takes at a time, and none of them is fetched again."""
    with StripeSimulator(counts={"charges": 1_500}) as stripe:
        by_hand = ByHand(lake, stripe)
        while len(landed(lake, "charges")) < 1_200:
            rows, _lost = next(by_hand.run)
            by_hand.raw.append(rows)
        by_hand.run.close()
        without = len(landed(lake, "charges"))
        land(lake, stripe, entities="charges", owner="job one").raise_for_status()
        assert sum(event["row_count"] for event in events(lake, "recovered")) == without
        assert_whole(lake, stripe, "charges")
        verify(tables=tables_of(lake)).raise_for_status()


@contract
def test_a_run_leaves_the_key_nowhere(lake: Path, stripe: StripeSimulator, capfd: pytest.CaptureFixture[str]) -> None:
    client = Client(KEY, api_base_url=stripe.url)
    assert KEY not in f"{client!r} {client}"
    report = land(lake, stripe, entities="charges,refunds")
    assert KEY not in f"{report!r} {report} {report.to_dict()}"
    assert KEY not in "".join(capfd.readouterr())
    for file in (path for path in lake.rglob("*") if path.is_file()):
        assert KEY.encode() not in file.read_bytes(), file
    assert all(KEY not in str(event) for event in events(lake))
    assert KEY not in str(landed(lake, "charges").slice(0, 10).to_pylist())

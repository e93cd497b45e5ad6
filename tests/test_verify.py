"""`verify` finds every change by other hands to the tables, and explains it by run, page and request."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stripe_raw_rs import ingest, verify
from stripe_raw_rs._core import checkpoint_schema, raw_schema
from stripe_raw_rs.exceptions import StripeRawError, TableError, UsageError
from tests.conftest import KEY, SCHEMA, Columns, tamper
from tests.places import place_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator


@pytest.fixture
def whole(lake: Path, stripe: StripeSimulator) -> Path:
    # One page after the other, so that each has rows and leads to the next.
    options: dict[str, Any] = {"entities": "charges", "commit_interval_seconds": 0, "max_concurrent_requests": 1}
    for _ in range(2):
        ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **options).raise_for_status()
        stripe.add("charges", 3)
    return lake


def findings(lake: Path) -> str:
    found = verify(tables=tables_of(lake))
    with pytest.raises(StripeRawError) as raised:
        found.raise_for_status()
    assert raised.value.exit_code == found.exit_code == 1
    *said, last = str(found).splitlines()
    assert last == str(raised.value)
    return "\n".join(said)


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)


ALL_WELL = "every payload hashed again, every page whole, pages chained, no row twice, completed runs covered"
RAW = "stripe_charges_raw"
CHECKPOINTS = "stripe_ingestion_checkpoints"


def test_a_lake_as_it_was_written_has_no_findings(whole: Path) -> None:
    found = verify(tables=tables_of(whole))
    found.raise_for_status()
    assert found.findings == ()
    assert str(found).splitlines()[-1] == "no findings"


def test_an_altered_payload_is_found(whole: Path) -> None:
    def alter(rows: pa.Table) -> pa.Table:
        payloads = rows["_raw_json"].to_pylist()
        payloads[5] = payloads[5].replace("charge", "chargE", 1)
        return with_column(rows, "_raw_json", pa.array(payloads))

    tamper(whole, RAW, alter)
    said = findings(whole)
    assert "does not have the hash" in said
    assert "request req_" in said


def test_an_altered_payload_with_a_hash_that_fits_is_found(whole: Path) -> None:
    import hashlib  # noqa: PLC0415 - only the forger needs it

    def alter(rows: pa.Table) -> pa.Table:
        payloads = rows["_raw_json"].to_pylist()
        hashes = rows["_payload_sha256"].to_pylist()
        payloads[5] = payloads[5].replace("charge", "chargE", 1)
        hashes[5] = hashlib.sha256(payloads[5].encode()).hexdigest()
        rows = with_column(rows, "_raw_json", pa.array(payloads))
        return with_column(rows, "_payload_sha256", pa.array(hashes))

    tamper(whole, RAW, alter)
    assert "rows were changed or moved" in findings(whole)


@pytest.mark.parametrize("row", [0, 50, 99])
def test_a_missing_row_is_found(whole: Path, row: int) -> None:
    def remove(rows: pa.Table) -> pa.Table:
        first = pc.and_(pc.equal(rows["_page_number"], 2), pc.equal(rows["_page_row"], row))
        return rows.filter(pc.invert(first))

    tamper(whole, RAW, remove)
    assert "promises" in findings(whole)


def test_a_missing_page_is_found(whole: Path) -> None:
    tamper(whole, RAW, lambda rows: rows.filter(pc.not_equal(rows["_page_number"], 3)))
    assert "the table has 0" in findings(whole)


def test_a_row_that_is_there_twice_is_found(whole: Path) -> None:
    tamper(whole, RAW, lambda rows: pa.concat_tables([rows, rows.slice(7, 1)]))
    assert "is there twice" in findings(whole)


@pytest.mark.parametrize("page", [1, 3, 7])
def test_a_missing_event_is_found(whole: Path, page: int) -> None:
    def remove(events: pa.Table) -> pa.Table:
        first = pc.equal(events["epoch"], 1)
        return events.filter(pc.invert(pc.fill_null(pc.and_(first, pc.equal(events["page_number"], page)), False)))  # noqa: FBT003

    tamper(whole, CHECKPOINTS, remove)
    said = findings(whole)
    assert "no event describes the page" in said


def test_a_run_without_events_is_found(whole: Path) -> None:
    tamper(whole, CHECKPOINTS, lambda events: events.filter(pc.not_equal(events["epoch"], 1)))
    assert "events were removed" in findings(whole)


def test_an_event_that_is_there_twice_is_found(whole: Path) -> None:
    tamper(whole, CHECKPOINTS, lambda events: pa.concat_tables([events, events]))
    said = findings(whole)
    assert "more than one PAGE_COMMITTED" in said
    assert "more than one RUN_COMPLETED" in said
    assert "2 RUN_STARTED" in said


def test_a_watermark_that_goes_back_is_found(whole: Path) -> None:
    def lower(events: pa.Table) -> pa.Table:
        seen = events["max_created_seen"].to_pylist()
        last = [
            epoch == 2 and kind == "RUN_COMPLETED"
            for epoch, kind in zip(events["epoch"].to_pylist(), events["event_type"].to_pylist(), strict=True)
        ]
        changed = [1 if at else value for at, value in zip(last, seen, strict=True)]
        return with_column(events, "max_created_seen", pa.array(changed, pa.int64()))

    tamper(whole, CHECKPOINTS, lower)
    assert "older than that of the run before" in findings(whole)


@pytest.mark.parametrize(("start", "found"), [(3_345_000_000, True), (None, False)])
def test_a_window_that_begins_in_the_future_is_found(whole: Path, start: int | None, *, found: bool) -> None:
    def move(events: pa.Table) -> pa.Table:
        starts = events["start_created_gte"].to_pylist()
        second = [epoch == 2 for epoch in events["epoch"].to_pylist()]
        moved = [start if at else value for at, value in zip(second, starts, strict=True)]
        return with_column(events, "start_created_gte", pa.array(moved, pa.int64()))

    tamper(whole, CHECKPOINTS, move)
    assert ("has a window that begins in the future, where no object is" in findings(whole)) == found


def test_a_raw_table_that_is_gone_gives_one_finding(whole: Path) -> None:
    shutil.rmtree(whole / RAW)
    said = findings(whole).splitlines()
    assert said == [
        "charges: 2 runs, 8 pages, 0 rows: 1 finding",
        "  table gone: the raw table is not there; events describe 653 rows of 8 pages in it",
    ]


def test_a_place_without_tables_is_refused(lake: Path) -> None:
    with pytest.raises(UsageError, match=f"holds no tables of stripe-raw: table '{CHECKPOINTS}' is not there"):
        verify(tables=tables_of(lake)).raise_for_status()
    assert not lake.exists(), "nothing was made there"


def test_tables_of_others_are_refused(lake: Path) -> None:
    tables = tables_of(lake)
    tables.table("mine").create(Columns(SCHEMA), {}, "")  # type: ignore[arg-type]
    tables.table("theirs").create(checkpoint_schema(), {}, "")
    for name, said in (("mine", "another schema"), ("theirs", "was not created by stripe-raw")):
        with pytest.raises(UsageError, match=said):
            verify(tables=tables, checkpoint_table=name).raise_for_status()


def test_a_list_without_findings_names_the_checks_and_one_with_findings_does_not(whole: Path) -> None:
    said = str(verify(tables=tables_of(whole))).splitlines()
    assert said[0] == f"charges: 2 runs, 8 pages, 653 rows: {ALL_WELL}"
    tamper(whole, RAW, lambda rows: pa.concat_tables([rows, rows.slice(7, 1)]))
    lines = findings(whole).splitlines()
    assert lines[0] == "charges: 2 runs, 8 pages, 654 rows: 2 findings"


def test_the_remedy_is_said_once_and_helps(whole: Path, stripe: StripeSimulator, tmp_path: Path) -> None:
    tamper(whole, RAW, lambda rows: rows.filter(pc.greater(rows["_page_number"], 4)))
    found = verify(tables=tables_of(whole))
    assert not [line for audit in found for line in audit.lines() if "scratch" in line]
    with pytest.raises(TableError) as raised:
        found.raise_for_status()
    assert str(raised.value) == (
        f"5 findings in '{whole}': your log of erasures explains what was erased on purpose; for the rest restore the "
        'tables from a backup, or move the raw table away and land everything again with give_up="scratch"'
    )
    (whole / RAW).rename(tmp_path / "away")
    options: dict[str, Any] = {"entities": "charges", "give_up": "scratch"}
    ingest(**place_of(whole), api_key=KEY, api_base_url=stripe.url, **options).raise_for_status()
    assert verify(tables=tables_of(whole)).findings == ()


def without_events(events: pa.Table) -> pa.Table:
    return events.filter(pc.not_equal(events["epoch"], 1))


def with_rows_twice(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows.slice(7, 1)])


RAW_AGAIN = (
    'restore the tables from a backup, or move the raw table away and land everything again with give_up="scratch"'
)
EVENTS_AGAIN = "restore the checkpoint table from a backup, or land everything again into another lake"


@pytest.mark.parametrize(
    ("name", "change", "remedy"), [(RAW, with_rows_twice, RAW_AGAIN), (CHECKPOINTS, without_events, EVENTS_AGAIN)]
)
def test_the_remedy_follows_from_the_findings(
    whole: Path, name: str, change: Callable[[pa.Table], pa.Table], remedy: str
) -> None:
    tamper(whole, name, change)
    with pytest.raises(TableError) as raised:
        verify(tables=tables_of(whole)).raise_for_status()
    assert str(raised.value).partition("': ")[2] == remedy


def other_columns(lake: Path) -> str:
    shutil.rmtree(lake / "stripe_refunds_raw", ignore_errors=True)
    tables_of(lake).table("stripe_refunds_raw").create(Columns(SCHEMA), {}, "")  # type: ignore[arg-type]
    return "has another schema: column '_entity' is missing"


def other_lake(lake: Path) -> str:
    shutil.rmtree(lake / "stripe_refunds_raw", ignore_errors=True)
    table = tables_of(lake).table("stripe_refunds_raw")
    table.create(raw_schema(), {"stripe_raw.store_id": "theirs"}, "")
    return "belongs to store theirs"


def torn(lake: Path) -> str:
    log = lake / "stripe_refunds_raw" / "_delta_log" / f"{0:020}.json"
    log.write_bytes(log.read_bytes()[:100])
    return "'_delta_log/00000000000000000000.json' is torn"


def linked(lake: Path) -> str:
    (lake / "stripe_refunds_raw").rename(lake.with_name("elsewhere"))
    (lake / "stripe_refunds_raw").symlink_to(lake.with_name("elsewhere"))
    return "is a symbolic link"


def no_file(lake: Path) -> str:
    (file,) = list((lake / "stripe_refunds_raw").glob("*.parquet"))
    file.unlink()
    return f"its file '{file.name}' is missing"


@pytest.mark.parametrize("spoil", [other_columns, other_lake, torn, linked, no_file])
def test_a_table_that_cannot_be_audited_gives_a_finding_for_its_list_and_the_others_go_on(
    lake: Path, stripe: StripeSimulator, spoil: Callable[[Path], str]
) -> None:
    options: dict[str, Any] = {"entities": "charges,invoices,refunds", "max_concurrent_requests": 1}
    ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **options).raise_for_status()
    reason = spoil(lake)
    tamper(lake, "stripe_invoices_raw", lambda rows: rows.slice(1))
    lines = findings(lake).splitlines()
    assert sorted(line for line in lines if not line.startswith("  ")) == [
        f"charges: 1 run, 7 pages, 650 rows: {ALL_WELL}",
        "invoices: 1 run, 2 pages, 119 rows: 1 finding",
        "refunds: not audited: 1 finding",
    ]
    (line,) = [line for line in lines if line.startswith("  unreadable: ")]
    assert reason in line
    assert str(lake / "stripe_refunds_raw") in line

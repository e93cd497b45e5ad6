"""`read`: one list as a stream of rows, without tables."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from stripe_raw_rs import RecordBatch, Stream, UsageError, ingest, raw_schema, read
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import DEFAULT, KEY, compact, landed
from tests.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = [
    *("_stripe_id", "_stripe_created_at", "_entity", "_stripe_account", "_ingested_at", "_http_status", "_request_id"),
    *("_api_version", "_payload_sha256", "_content_sha256", "_due_at", "_raw_json"),
]


def of(stripe: StripeSimulator, entity: str = "charges", **options: Any) -> Stream:
    return read(entity, **{"api_key": KEY, "api_base_url": stripe.url, **options})


def ids(stream: Stream) -> list[str]:
    return [identifier for batch in stream for identifier in pa.record_batch(batch)["_stripe_id"].to_pylist()]


def test_nothing_is_asked_before_the_rows_are(stripe: StripeSimulator) -> None:
    stream = of(stripe)
    assert repr(stream) == "Stream(charges, 12 columns)"
    assert stream.schema.names == COLUMNS
    assert pa.schema(stream).names == COLUMNS
    iter(stream)
    stream.__arrow_c_stream__()
    assert stripe.requests == 0


def test_rows_come_newest_first_and_each_reading_asks_again(stripe: StripeSimulator) -> None:
    stream = of(stripe)
    assert ids(stream) == stripe.ids("charges")
    (new,) = stripe.add("charges")
    assert ids(stream) == [new, *stripe.ids("charges")[1:]]
    assert stream.refused == 0
    assert stream.error is None


def test_a_loop_gives_record_batches(stripe: StripeSimulator) -> None:
    batches = list(of(stripe))
    assert all(isinstance(batch, RecordBatch) for batch in batches)
    assert [len(batch) for batch in batches][:1] == [100]
    assert repr(batches[0]) == "RecordBatch(100 rows, 12 columns)"
    table = pa.table(batches[0])
    assert table == pa.Table.from_batches([pa.record_batch(batches[0])])
    assert table == pl.DataFrame(batches[0]).to_arrow().cast(table.schema)


def test_polars_pyarrow_and_duckdb_take_the_stream(stripe: StripeSimulator) -> None:
    r = of(stripe)
    expected = stripe.ids("charges")
    assert pa.table(r)["_stripe_id"].to_pylist() == expected
    assert pl.DataFrame(r)["_stripe_id"].to_list() == expected
    assert pa.RecordBatchReader.from_stream(r).read_all()["_stripe_id"].to_pylist() == expected
    assert duckdb.execute("SELECT count(*), count(DISTINCT _stripe_id) FROM r").fetchall() == [(650, 650)]
    amounts = duckdb.execute("SELECT sum((_raw_json ->> 'amount')::BIGINT) FROM r").fetchall()
    assert amounts[0][0] > 0


def test_pandas_takes_the_stream_by_way_of_pyarrow(stripe: StripeSimulator) -> None:
    pytest.importorskip("pandas")
    frame = pa.table(of(stripe)).to_pandas()
    assert frame["_stripe_id"].tolist() == stripe.ids("charges")


def test_rows_are_those_of_the_raw_table(stripe: StripeSimulator, lake: Path) -> None:
    report = ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, entities="balance_transactions")
    report.raise_for_status()
    stream = of(stripe, "balance_transactions")
    kinds = {field.name: field for field in pa.schema(raw_schema())}
    for field in pa.schema(stream):
        assert (field.type, field.nullable) == (kinds[field.name].type, kinds[field.name].nullable)
    same = [name for name in COLUMNS if name not in {"_ingested_at", "_request_id"}]
    found = pa.table(stream)
    by_id = [table.select(same).sort_by("_stripe_id") for table in (found, landed(lake, "balance_transactions"))]
    assert by_id[0].to_pylist() == by_id[1].to_pylist()
    for row in found.to_pylist():
        assert row["_raw_json"] == compact(stripe.raw("balance_transactions", row["_stripe_id"]))
        assert row["_payload_sha256"] == hashlib.sha256(row["_raw_json"].encode()).hexdigest()
    assert found["_due_at"].null_count < found.num_rows


def test_columns_come_in_the_given_order(stripe: StripeSimulator) -> None:
    r = of(stripe, columns=("_raw_json", "_stripe_id"))
    assert r.schema.names == ["_raw_json", "_stripe_id"]
    assert pa.table(r).column_names == ["_raw_json", "_stripe_id"]
    assert pl.DataFrame(r).columns == ["_raw_json", "_stripe_id"]
    assert duckdb.execute("SELECT _stripe_id FROM r LIMIT 1").fetchall() == [(stripe.ids("charges")[0],)]


def test_a_window_has_its_start_and_not_its_end(stripe: StripeSimulator) -> None:
    times = {name: stripe.created("charges", name) or 0 for name in stripe.ids("charges")}
    newest, oldest = sorted(times.values())[-50], sorted(times.values())[50]
    windows: list[tuple[int | None, int | None]] = [(oldest, newest), (oldest, None), (None, newest)]
    for start, end in windows:
        expected = [name for name, at in times.items() if at >= (start or 0) and at < (end or 1 << 40)]
        assert ids(of(stripe, start=start, end=end)) == expected
        assert ids(of(stripe, start=start, end=end, page_size=3)) == expected
    day = datetime.fromtimestamp(oldest, timezone.utc).date()
    expected = [name for name, at in times.items() if datetime.fromtimestamp(at, timezone.utc).date() == day]
    for begin in (day, day.isoformat(), datetime(day.year, day.month, day.day, tzinfo=timezone.utc)):
        assert ids(of(stripe, start=begin, end=day + timedelta(days=1))) == expected


@pytest.mark.parametrize("entity", ["quotes", "payment_records", "accounts", "payment_links", "invoiceitems"])
def test_lists_that_stripe_does_not_filter_or_filters_in_another_way_are_read_as_well(entity: str) -> None:
    with StripeSimulator(counts={entity: 230}) as stripe:
        expected = stripe.ids(entity)
        assert ids(of(stripe, entity, page_size=10)) == expected
        if stripe.created(entity, expected[0]) is None:
            return
        at = {name: stripe.created(entity, name) or 0 for name in expected}
        start, end = sorted(at.values())[40], sorted(at.values())[-40]
        inside = [name for name in expected if start <= at[name] < end]
        assert ids(of(stripe, entity, page_size=10, start=start, end=end)) == inside


def test_a_list_without_objects_has_no_batches_and_keeps_its_columns() -> None:
    with StripeSimulator(counts={"charges": 0}) as stripe:
        r = of(stripe)
        assert list(r) == []
        assert pa.table(r).column_names == COLUMNS
        assert pl.DataFrame(r).shape == (0, 12)
        assert duckdb.execute("SELECT * FROM r").fetchall() == []


def test_one_connected_account_can_be_read() -> None:
    with StripeSimulator(connected_accounts=2, account_counts={"charges": 40}, counts={"charges": 9}) as stripe:
        account = stripe.accounts()[-1]
        stream = of(stripe, stripe_account=account)
        assert repr(stream) == f"Stream(charges of {account}, 12 columns)"
        rows = pa.table(stream)
        assert rows["_stripe_id"].to_pylist() == stripe.ids("charges", account=account)
        assert set(rows["_stripe_account"].to_pylist()) == {account}
        assert pa.table(of(stripe))["_stripe_account"].null_count == 9


def test_async_for_reads_as_well_and_a_wait_that_is_given_up_loses_nothing() -> None:
    with StripeSimulator(counts={"charges": 300}, latency_ms=60) as stripe:

        async def collect() -> list[str]:
            found: list[str] = []
            reading = aiter_of(of(stripe, max_concurrent_requests=1))
            while True:
                try:
                    batch = await asyncio.wait_for(reading.__anext__(), 0.01)
                except asyncio.TimeoutError:
                    continue
                except StopAsyncIteration:
                    return found
                found += pa.record_batch(batch)["_stripe_id"].to_pylist()

        async def plainly() -> list[str]:
            batches = [pa.record_batch(batch) async for batch in of(stripe)]
            return [name for batch in batches for name in batch["_stripe_id"].to_pylist()]

        assert asyncio.run(collect()) == stripe.ids("charges")
        assert asyncio.run(plainly()) == stripe.ids("charges")


def aiter_of(stream: Stream) -> Any:
    return stream.__aiter__()


def test_options_of_the_environment_stand_behind_the_keywords(
    stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("STRIPE_API_KEY", KEY), ("STRIPE_RAW_API_BASE_URL", stripe.url), ("STRIPE_RAW_START", "x")):
        monkeypatch.setenv(name, value)
    assert ids(read("charges")) == stripe.ids("charges"), "the start of first runs is not that of a reading"


def refusals() -> Iterator[tuple[Any, dict[str, Any], str]]:
    yield "charge", {}, "did you mean 'charges'?"
    yield "all", {}, "one list is read at a time, and 'all' is 79 lists"
    yield "customers/tax_ids", {}, "customers_tax_ids is not a list of the account"
    yield 7, {}, "read takes the name of one list, such as charges"
    yield "charges", {"columns": ["_raw_jsn"]}, "columns: '_raw_jsn' is not a column, did you mean _raw_json?"
    yield "charges", {"columns": ["_page_number"]}, "'_page_number' is a column of runs"
    yield "charges", {"columns": "_raw_json"}, "columns must be a list of texts, not '_raw_json'"
    yield "charges", {"columns": []}, "columns names no column"
    yield "charges", {"start": "soon"}, "start 'soon' must be a date or date-time in UTC"
    yield "charges", {"end": -1}, "end '-1' is before 1970"
    yield "charges", {"end": True}, "end must be a text, a date, a datetime or whole seconds since 1970, not True"
    yield "charges", {"start": date(2024, 1, 2), "end": date(2024, 1, 2)}, "end must be later than start"
    yield "payment_links", {"end": 5}, "payment_links: its objects have no time"
    yield "charges", {"lake": "x"}, "unknown option 'lake'"
    yield "charges", {"page_size": 0}, "page_size"
    yield "charges", {"stripe_account": "acct"}, "acct"
    yield "charges", {"api_key": "pk_test_1"}, "key"
    yield KEY, {}, "unknown entity 'rk_***'"


@pytest.mark.parametrize(("entity", "options", "said"), list(refusals()))
def test_what_cannot_be_used_is_refused_at_once_in_one_line(entity: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(entity, **{"api_key": KEY, **options})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_in_the_wrong_place_is_in_no_frame() -> None:
    for entity, options in ((KEY, {}), ("charges", {"columns": [KEY]}), ("charges", {"stripe_account": KEY})):
        with pytest.raises(UsageError) as caught:
            read(entity, **{"api_key": "sk_test_1", **options})  # type: ignore[arg-type]
        trace = caught.value.__traceback__
        shown = []
        while trace is not None:
            if "/stripe_raw_rs/" in trace.tb_frame.f_code.co_filename:
                shown.append(repr(trace.tb_frame.f_locals))
            trace = trace.tb_next
        assert shown
        assert KEY not in "".join(shown)


def test_all_default_lists_can_be_read(stripe: StripeSimulator) -> None:
    for name in DEFAULT:
        assert ids(of(stripe, name, columns=["_stripe_id"])) == stripe.ids(name)

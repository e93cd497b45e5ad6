"""What goes wrong in a reading: the rows before it come first, then one typed error of one line."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from stripe_raw_rs import (
    AuthenticationError,
    BudgetError,
    ConnectionFailedError,
    PermissionMissingError,
    ProductMissingError,
    RequestError,
    ServerError,
    StripeRawError,
    read,
)
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY

if TYPE_CHECKING:
    from stripe_raw_rs import Stream

QUICK: dict[str, Any] = {"backoff_base_seconds": 0.01, "backoff_max_seconds": 0.02, "max_retries": 2}


def of(stripe: StripeSimulator, entity: str = "charges", **options: Any) -> Stream:
    return read(entity, **{"api_key": KEY, "api_base_url": stripe.url, **QUICK, **options})


def read_until_error(stream: Stream) -> tuple[list[str], StripeRawError]:
    found: list[str] = []
    try:
        for batch in stream:
            found += pa.record_batch(batch)["_stripe_id"].to_pylist()
    except StripeRawError as error:
        return found, error
    pytest.fail("it came to its end")


def test_rows_before_an_error_come_first(stripe: StripeSimulator) -> None:
    stripe.set_faults("status=500@n3+")
    stream = of(stripe, max_concurrent_requests=1)
    found, error = read_until_error(stream)
    assert isinstance(error, ServerError)
    assert error.status == 500
    assert "after 2 retries" in str(error)
    assert found == stripe.ids("charges")[:200]
    assert str(stream.error) == str(error)
    stripe.reset_faults()
    assert len(pa.table(stream)) == 650, "the next reading begins again"
    assert stream.error is None


def test_what_is_older_than_a_gap_never_comes() -> None:
    """Many parts are read at once, and one of them fails: what was read of older ones is not given out."""
    with StripeSimulator(counts={"charges": 5_000}, latency_ms=5, faults="status=500@n20") as stripe:
        found, error = read_until_error(of(stripe, page_size=10, max_retries=0))
        assert isinstance(error, ServerError)
        assert found == stripe.ids("charges")[: len(found)]
        assert len(found) < 5_000


def test_faults_that_pass_are_tried_again_and_logged(stripe: StripeSimulator, caplog: pytest.LogCaptureFixture) -> None:
    stripe.set_faults("status=500@n2,reset@n4")
    with caplog.at_level(logging.INFO, "stripe_raw_rs"):
        assert pa.table(of(stripe))["_stripe_id"].to_pylist() == stripe.ids("charges")
    assert any("the request is tried again in" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("entity", "settings", "key", "expected"),
    [
        ("charges", {}, "sk_test_invalid", AuthenticationError),
        ("charges", {"denied": ["charges"]}, KEY, PermissionMissingError),
        ("issuing_cards", {"products_off": ["Issuing"]}, KEY, ProductMissingError),
        ("charges", {"faults": "status=404@n1+"}, KEY, RequestError),
    ],
)
def test_refusals_are_typed(entity: str, settings: dict[str, Any], key: str, expected: type[StripeRawError]) -> None:
    with StripeSimulator(objects=50, **settings) as stripe:
        found, error = read_until_error(of(stripe, entity, api_key=key))
        assert found == []
        assert type(error) is expected


def test_no_server_is_one_line() -> None:
    with StripeSimulator(objects=0) as stripe:
        stream = of(stripe, max_retries=0)
    _, error = read_until_error(stream)
    assert isinstance(error, ConnectionFailedError)


def test_max_requests_is_that_of_one_reading(stripe: StripeSimulator) -> None:
    enough = of(stripe, max_requests=7, max_concurrent_requests=1)
    for _ in range(2):
        assert len(pa.table(enough)) == 650
    found, error = read_until_error(of(stripe, max_requests=3, max_concurrent_requests=1))
    assert isinstance(error, BudgetError)
    assert str(error) == "charges: max_requests is used up, and the list goes on; allow more, or read less of it"
    assert found == stripe.ids("charges")[:300]


def test_through_an_arrow_stream_the_error_of_the_library_has_our_line(stripe: StripeSimulator) -> None:
    stripe.set_denied(["charges"])
    r = of(stripe)
    for take in (pa.table, pl.DataFrame, lambda r: duckdb.execute("SELECT * FROM r").fetchall()):  # noqa: ARG005
        with pytest.raises(Exception, match="charges: ") as caught:
            take(r)
        assert str(r.error) in str(caught.value)
        assert isinstance(r.error, PermissionMissingError), "the stream has the typed one"


def test_an_object_that_cannot_be_a_row_is_left_out_with_a_warning(
    stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    odd, *_ = names = stripe.ids("charges")[150:152]
    for name in names:
        stripe.replace("charges", name, stripe.raw("charges", name).replace(b'"charge"', b'"other"'))
    r = of(stripe)
    with caplog.at_level(logging.WARNING, "stripe_raw_rs"):
        table = pa.table(r)
    assert table.num_rows == 648
    assert r.refused == 2
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert f"({odd}) of an answer cannot be a row and is left out: " in said[0]

"""A server between us and Stripe is not taken for Stripe."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import (
    AnswerError,
    ConnectionFailedError,
    PermissionMissingError,
    RequestError,
    check,
    ingest,
    status,
    verify,
)
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, assert_whole, events, landed
from tests.gateway import Answer, Gateway
from tests.places import tables_of
from tests.truth import assert_true

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs import Report, StripeRawError

OBJECTS = 65


@pytest.fixture
def account() -> Any:
    with StripeSimulator(seed=7, counts={"charges": OBJECTS}, end=1_790_000_000) as stripe:
        yield stripe


def land(lake: Path, url: str, **options: Any) -> Report:
    quick: dict[str, Any] = {
        "entities": "charges",
        "page_size": 10,
        "backoff_base_seconds": 0.01,
        "backoff_max_seconds": 0.02,
    }
    return ingest(lake=lake, api_key=KEY, api_base_url=url, **quick, **{"max_retries": 20, **options})


def every_third(change: Callable[[Answer], None]) -> Callable[[Answer], None]:
    """Change each third answer of a list."""
    return lambda answer: change(answer) if answer.is_list and answer.number % 3 == 0 else None


def refuses(code: int, body: bytes = b"<html>\n<h1>Blocked</h1></html>") -> Callable[[Answer], None]:
    def change(answer: Answer) -> None:
        answer.status, answer.body, answer.headers = code, body, {"Content-Type": "text/html"}

    return change


def packs(encoding: str, members: int = 1) -> Callable[[Answer], None]:
    def change(answer: Answer) -> None:
        size = -(-len(answer.body) // members) or 1
        pieces = [answer.body[at : at + size] for at in range(0, len(answer.body), size)]
        answer.body = b"".join(gzip.compress(piece) for piece in pieces)
        answer.headers["Content-Encoding"] = encoding

    return change


def crowds(answer: Answer) -> None:
    """Answer more objects than asked for."""
    page = json.loads(answer.body)
    page["data"] += page["data"]
    answer.body = json.dumps(page).encode()


@pytest.mark.parametrize("code", [408, 421, 425, 499, 502, 520])
@pytest.mark.parametrize("body", [b"", b"<html>"])
def test_a_passing_fault_is_tried_again_whoever_reports_it(
    lake: Path, account: StripeSimulator, code: int, body: bytes
) -> None:
    with Gateway(account.url, every_third(refuses(code, body))) as gateway:
        land(lake, gateway.url).raise_for_status()
    assert_true(lake, account, "charges")


SOMETHING = "charges: something between here and Stripe refused with"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (refuses(403), AnswerError, f"^{SOMETHING} 403: <html> <h1>Blocked</h1></html> .*IP allowlists"),
        (refuses(403, b"x" * 5_000), AnswerError, f"^{SOMETHING} 403: x{{100}} "),
        (refuses(403, b'{"error": "no permission"}'), AnswerError, f"^{SOMETHING} 403: "),
        (refuses(401, b'{"message": "Unauthorized"}'), AnswerError, f"^{SOMETHING} 401: "),
        (refuses(404, b""), AnswerError, f"^{SOMETHING} 404: no text "),
        (refuses(407), AnswerError, f"^{SOMETHING} 407: "),
        (
            refuses(403, b'{"error": {"type": "invalid_request_error", "message": "You lack rak_x permission"}}'),
            PermissionMissingError,
            "charges: Stripe answered 403: You lack rak_x permission",
        ),
        (
            refuses(403, b'{"error": {"type": "invalid_request_error", "message": "Your address is not allowed"}}'),
            RequestError,
            "charges: Stripe answered 403: Your address is not allowed .*; see the message",
        ),
        (
            lambda answer: setattr(answer, "status", 206),
            AnswerError,
            "something between .* answered 206: not a whole page",
        ),
        (
            lambda answer: setattr(answer, "status", 203),
            AnswerError,
            "something between .* answered 203: not a whole page",
        ),
        (crowds, AnswerError, "the list has more than the 10 objects asked for .*check the base URL"),
        (packs("br"), ConnectionFailedError, "the answer cannot be read .*encoded as 'br'"),
    ],
)
def test_a_refusal_from_in_between_is_reported_as_such(
    lake: Path,
    account: StripeSimulator,
    change: Callable[[Answer], None],
    error: type[StripeRawError],
    words: str,
) -> None:
    with Gateway(account.url, every_third(change)) as gateway:
        with pytest.raises(error, match=words) as raised:
            land(lake, gateway.url, max_concurrent_requests=1).raise_for_status()
        assert str(raised.value).isprintable()
        assert len(landed(lake, "charges")) == 10, "the page before it has landed"
    with Gateway(account.url, lambda answer: change(answer) if answer.is_list else None) as gateway:
        (probe,) = check(api_key=KEY, api_base_url=gateway.url, entities="charges").entities
        assert probe.state == {"PermissionMissingError": "permission missing", "RequestError": "not available"}.get(
            error.__name__, "failed"
        )


@pytest.mark.parametrize(("encoding", "members"), [("GZIP", 1), ("x-gzip", 1), ("gzip", 3), ("identity", 0)])
def test_gzip_is_read_under_any_name_and_in_any_number_of_members(
    lake: Path, account: StripeSimulator, encoding: str, members: int
) -> None:
    change = (
        packs(encoding, members) if members else lambda answer: answer.headers.update({"Content-Encoding": encoding})
    )
    with Gateway(account.url, change) as gateway:
        land(lake, gateway.url).raise_for_status()
    assert_true(lake, account, "charges")


def ahead(answer: Answer) -> None:
    answer.headers["Date"] = "Fri, 01 Jan 2100 00:00:00 GMT"


def test_neither_a_clock_nor_an_object_of_the_future_moves_the_window_there(lake: Path) -> None:
    with StripeSimulator(seed=7, counts={"charges": OBJECTS}) as stripe, Gateway(stripe.url, ahead) as gateway:
        stripe.add("charges", 1, 3_350_000_000)
        land(lake, gateway.url).raise_for_status()
        (stands,) = status(tables=tables_of(lake))
        assert stands.watermark is not None
        assert stands.watermark < 3_000_000_000
        stripe.add("charges", 5)
        land(lake, gateway.url).raise_for_status()
        assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def test_a_lake_whose_window_was_moved_to_the_future_goes_on_from_when_that_was(
    lake: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An earlier version left such a lake: its watermark is in the year 2076."""
    with StripeSimulator(seed=7, counts={"charges": OBJECTS}) as stripe:
        land(lake, stripe.url).raise_for_status()
        poison(lake, 3_350_000_000)
        newest = stripe.add("charges", 5)
        land(lake, stripe.url).raise_for_status()
    assert set(newest) <= set(landed(lake, "charges", "_stripe_id").column(0).to_pylist())
    assert "the window would begin in the future, at 2076-" in caplog.text
    latest = max(event["start_created_gte"] or 0 for event in events(lake))
    assert latest < 3_000_000_000


def poison(lake: Path, watermark: int) -> None:
    import pyarrow as pa  # noqa: PLC0415 - only the forger needs it

    from tests.conftest import tamper  # noqa: PLC0415

    def change(rows: pa.Table) -> pa.Table:
        values = [watermark if kind == "RUN_COMPLETED" else 1 for kind in rows["event_type"].to_pylist()]
        at = rows.schema.get_field_index("max_created_seen")
        return rows.set_column(at, rows.schema.field(at), pa.array(values, pa.int64()))

    tamper(lake, "stripe_ingestion_checkpoints", change)

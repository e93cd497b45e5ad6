"""A panic of compiled code passes every `except Exception`; a caller of this package gets an error in its place.

A real panic of delta-rs is in `test_fork.py`. Here one is raised where the code of others is called.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import StripeRawError, check, ingest, main, status, verify
from stripe_raw_rs.progress import LogLines
from tests.conftest import KEY, assert_whole, events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs import Attempt
    from stripe_raw_rs.simulator import StripeSimulator


class PanicException(BaseException):
    """A panic as pyo3 raises it."""


# Exceptions that end a program, a generator or a task on purpose.
ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)


class Raises:
    """Tables, or a list of entities, that raise as soon as they are used."""

    location = "nowhere"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def table(self, _: str) -> Any:
        raise self.error

    def __iter__(self) -> Any:
        raise self.error


class Panics(LogLines):
    """Panics over one entity."""

    def began(self, attempt: Attempt) -> None:
        if attempt.entity == "charges":
            raise PanicException("left == right")


def test_a_panic_over_one_list_becomes_the_error_of_that_list(lake: Path, stripe: StripeSimulator) -> None:
    options: dict[str, Any] = {"api_key": KEY, "api_base_url": stripe.url, "entities": "charges,refunds"}
    report = ingest(lake=lake, display=Panics(), **options)
    charges, refunds = report.entities
    assert isinstance(charges.error, StripeRawError)
    assert charges.message is not None
    assert charges.message.startswith("charges: internal error (PanicException): left == right")
    assert (charges.error_class, charges.exit_code, refunds.state) == ("Internal", 1, "complete")
    with pytest.raises(StripeRawError, match="left == right"):
        report.raise_for_status()
    ingest(lake=lake, **options).raise_for_status()
    assert_whole(lake, stripe, "charges")
    assert events(lake, "event_type = 'RUN_COMPLETED' AND entity = 'charges'")


CALLS: dict[str, Callable[[Any], object]] = {
    "ingest": lambda raises: ingest(tables=raises, api_key=KEY, api_base_url="http://127.0.0.1:9"),
    "check": lambda raises: check(entities=raises, api_key=KEY, api_base_url="http://127.0.0.1:9"),
    "status": lambda raises: status(tables=raises, lookback_seconds=0),
    "verify": lambda raises: verify(tables=raises).raise_for_status(),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_panic_becomes_an_error_of_the_call(call: str) -> None:
    with pytest.raises(StripeRawError, match=r"internal error \(PanicException\): left == right; all") as raised:
        CALLS[call](Raises(PanicException("left == right")))
    assert isinstance(raised.value.__cause__, PanicException)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("end", ENDS)
def test_an_end_on_purpose_stays_unchanged(call: str, end: type[BaseException]) -> None:
    with pytest.raises(end):
        CALLS[call](Raises(end()))


@pytest.mark.parametrize("command", ["status", "verify", "check", "entities"])
def test_a_panic_becomes_an_error_of_the_command(
    command: str, monkeypatch: pytest.MonkeyPatch, lake: Path, stripe: StripeSimulator
) -> None:
    class Closed:
        def write(self, _: str) -> None:
            raise PanicException("left == right")

    place = () if command in {"check", "entities"} else ("--lake", str(lake))
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="refunds")
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    monkeypatch.setenv("STRIPE_RAW_API_BASE_URL", stripe.url)
    monkeypatch.setattr("sys.stdout", Closed())
    with pytest.raises(StripeRawError, match="left == right"):
        main([command, *place])

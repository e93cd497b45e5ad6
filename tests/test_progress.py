"""Reports while runs are under way: to a display, and to the log."""

from __future__ import annotations

import logging
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import IngestInterrupted, ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, landed
from tests.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs import Report
    from stripe_raw_rs._core import Attempt, Checkpoint
    from stripe_raw_rs.entity_result import EntityResult

ENTITIES = ("charges", "refunds")


class Recorder:
    """A display that keeps its calls."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def began(self, attempt: Attempt) -> None:
        self.said.append(("began", attempt.entity))

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        assert checkpoint.pages > 0
        self.said.append(("committed", attempt.entity))

    def finished(self, result: EntityResult) -> None:
        self.said.append(("finished", result.entity))

    def tick(self) -> None:
        self.said.append(("tick", ""))

    def close(self) -> None:
        self.said.append(("close", ""))


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    once = {"commit_interval_seconds": 3_600, "backoff_base_seconds": 0.01}
    options = {"entities": ",".join(ENTITIES), **once, **options}
    return ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **options)


def of(caplog: pytest.LogCaptureFixture, level: int) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "stripe_raw_rs" and record.levelno == level]


@pytest.fixture(autouse=True)
def debug_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "stripe_raw_rs")


def test_a_display_hears_of_each_step_and_is_closed_at_the_end(lake: Path, stripe: StripeSimulator) -> None:
    display = Recorder()
    land(lake, stripe, display=display).raise_for_status()
    for name in ENTITIES:
        assert [step for step, entity in display.said if entity == name] == ["began", "committed", "finished"]
    assert ("tick", "") in display.said
    assert display.said[-1] == ("close", "")


def test_the_log_names_each_run_and_its_end(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, stripe).raise_for_status()
    lines = [record.getMessage() for record in of(caplog, logging.INFO)]
    assert re.fullmatch(rf"stripe-raw \S+ lands 2 lists in {re.escape(str(lake))}; .*", lines[0])
    for name in ENTITIES:
        mine = [line.split(" ")[1] for line in lines if line.startswith(f"{name}: ")]
        assert mine == ["begins", "committed", "complete,"]
    assert of(caplog, logging.WARNING) == of(caplog, logging.ERROR) == []


def test_a_warning_of_the_plan_is_a_warning_in_the_log(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, stripe, entities="charges", give_up="restart").raise_for_status()
    (warning,) = of(caplog, logging.WARNING)
    assert warning.getMessage() == "charges: there is no unfinished run, so none is given up"


def test_log_lines_of_the_compiled_half_come_out_before_the_end(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    stripe.set_faults("status=500@charges:n1")
    land(lake, stripe).raise_for_status()
    (line,) = (record.getMessage() for record in of(caplog, logging.INFO) if "tried again" in record.getMessage())
    assert "500" in line


def test_a_failure_is_one_error_in_the_log_and_its_traceback_has_the_level_debug(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    stripe.set_faults("status=401@refunds:n1")
    report = land(lake, stripe)
    (error,) = of(caplog, logging.ERROR)
    assert error.getMessage() == report.entities[1].message
    assert error.__dict__["fields"] == {"entity": "refunds"}
    assert not error.exc_info
    (traceback,) = (record for record in of(caplog, logging.DEBUG) if record.exc_info)
    assert traceback.getMessage() == "refunds: traceback"


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own handler for it, which a shell takes away from programs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_is_logged_as_a_warning(lake: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Interrupting(Recorder):
        def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
            if ("committed", attempt.entity) not in self.said:
                signal.raise_signal(signal.SIGINT)
            super().committed(attempt, checkpoint)

    # It takes about ten seconds if nobody interrupts it.
    with StripeSimulator(counts={"charges": 1_000}, latency_ms=50) as stripe:
        options = {"page_size": 5, "max_concurrent_requests": 1, "commit_interval_seconds": 0}
        with pytest.raises(KeyboardInterrupt) as interrupted:
            land(lake, stripe, display=Interrupting(), entities="charges", **options)
    assert isinstance(interrupted.value, IngestInterrupted)
    report = interrupted.value.report
    assert report.exit_code == 130
    assert 0 < report.entities[0].rows == len(landed(lake, "charges"))
    assert str(interrupted.value) == "all that had been read is committed; charges interrupted"
    assert "interrupted" in "\n".join(record.getMessage() for record in of(caplog, logging.WARNING))
    assert of(caplog, logging.ERROR) == []

"""A display that fails, or whose terminal has gone, neither ends a run nor changes what it says."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs.cli.live import LiveLines
from stripe_raw_rs.cli.log import TextFormatter, configure_log
from tests.conftest import assert_whole
from tests.test_progress import ENTITIES, Recorder, land, of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

STEPS = ("began", "committed", "finished", "tick", "close")


@pytest.mark.parametrize("step", STEPS)
def test_a_display_that_fails_is_told_once_and_the_run_goes_on(
    step: str, lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    class Failing(Recorder):
        def fail(self, *_: object) -> None:
            calls.append(step)
            raise ValueError("no\nplace")

    display: Any = Failing()
    setattr(display, step, display.fail)
    report = land(lake, stripe, display=display)
    assert [result.state for result in report.entities] == ["complete", "complete"]
    for name in ENTITIES:
        assert_whole(lake, stripe, name)
    (warning,) = of(caplog, logging.WARNING)
    assert warning.getMessage().startswith("the display failed and is not used any more: ValueError: no")
    assert "\n" not in warning.getMessage()
    assert calls[0] == step
    if step != "close":
        assert ("close", "") not in display.said, "it is not called any more"


def test_a_display_without_a_method_is_told_too(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    class Ticks:
        def tick(self) -> None:
            """Nothing."""

    land(lake, stripe, display=Ticks()).raise_for_status()
    (warning,) = of(caplog, logging.WARNING)
    assert "AttributeError" in warning.getMessage()


class Gone(io.StringIO):
    """A terminal whose other end has closed."""

    is_gone = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.is_gone:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_live_lines_on_a_terminal_that_has_gone_are_silent() -> None:
    stream = Gone()
    live = LiveLines(stream)
    live._drawn = 2  # noqa: SLF001 - as after a drawing
    stream.is_gone = True
    with live.away():
        pass
    live.tick()
    live.close()
    assert stream.getvalue() == ""


def test_a_log_line_survives_what_is_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> AbstractContextManager[None]:
        raise RuntimeError("gone")

    logger = logging.getLogger("stripe_raw_rs")
    before = [*logger.handlers]
    configure_log(TextFormatter(), logging.INFO, broken)
    try:
        logger.info("a line")
    finally:
        for handler in [handler for handler in logger.handlers if handler not in before]:
            logger.removeHandler(handler)
        logger.propagate = True
    assert "a line" in capsys.readouterr().err

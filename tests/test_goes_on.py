"""A user can rely on a message that the next run goes on: once the cause is gone, it does, and nothing is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import IngestInterrupted, ingest
from stripe_raw_rs import commit as committing
from stripe_raw_rs.progress import LogLines
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, events
from tests.truth import assert_true

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_raw_rs import Report

ROOT = Path(__file__).parents[1]
ALL_PAGES = 12


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with StripeSimulator(seed=7, counts={"charges": ALL_PAGES * 5}, latency_ms=40) as simulator:
        yield simulator


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    each: dict[str, Any] = {"commit_interval_seconds": 0, "max_concurrent_requests": 1, "page_size": 5}
    return ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **{**each, "entities": "charges", **options})


class Cause:
    """Causes that end a run of `lake`, as long as the patch is there."""

    def __init__(self, lake: Path, stripe: StripeSimulator, patch: pytest.MonkeyPatch) -> None:
        self.lake = lake
        self.stripe = stripe
        self.patch = patch

    def budget(self) -> Report:
        return land(self.lake, self.stripe, max_requests=4)

    def interrupt(self) -> Report:
        stripe = self.stripe

        class CtrlC(LogLines):
            pressed = False

            def tick(self) -> None:
                if not self.pressed and stripe.requests >= 4:
                    self.pressed = True
                    raise KeyboardInterrupt

        with pytest.raises(IngestInterrupted) as interrupted:
            land(self.lake, self.stripe, display=CtrlC())
        return interrupted.value.report

    def no_write(self) -> Report:
        from stripe_raw_rs.tables.delta_rs import commit as delta_commit  # noqa: PLC0415 - importing it needs the library

        write = delta_commit.__dict__["write_deltalake"]
        calls = 0

        def failing(*arguments: Any, **options: Any) -> None:
            nonlocal calls
            calls += 1
            if calls > 5:
                message = "No space left on device"
                raise OSError(message)
            write(*arguments, **options)

        self.patch.setattr(committing, "_WAITS", (0,))
        self.patch.setattr(delta_commit, "write_deltalake", failing)
        return land(self.lake, self.stripe)

    def no_write_and_no_look(self) -> Report:
        from stripe_raw_rs.tables.delta_rs import table as delta_rs  # noqa: PLC0415 - importing it needs the library

        look = delta_rs.__dict__["outcome_of"]
        calls = 0

        def failing(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > 5:
                message = "the disk does not answer"
                raise OSError(message)
            return look(*arguments)

        self.patch.setattr(committing, "_WAITS", (0,))
        self.patch.setattr(delta_rs, "outcome_of", failing)
        return land(self.lake, self.stripe)


CAUSES = {
    "the next run goes on where this one stops": Cause.budget,
    "the next run goes on from the last committed page": Cause.interrupt,
    "nothing of this commit is stored: once that is mended, the next run goes on from here": Cause.no_write,
    "once that is mended, the next run finds out and goes on from there": Cause.no_write_and_no_look,
}


@pytest.mark.parametrize("words", CAUSES)
def test_the_next_run_goes_on_where_an_error_says_so(
    lake: Path, stripe: StripeSimulator, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        report = CAUSES[words](Cause(lake, stripe, patch))
        assert str(report.entities[0].message).endswith(f"; {words}")
        committed = len(events(lake, "event_type = 'PAGE_COMMITTED'"))
        assert committed < ALL_PAGES
    asked = stripe.requests
    again = land(lake, stripe, lookback_seconds=0)
    again.raise_for_status()
    assert_true(lake, stripe, "charges")
    # Committed pages are not asked for again; the rest is, with its end, the account, and the new objects.
    assert stripe.requests - asked <= ALL_PAGES - committed + 3
    assert len({event["run_id"] for event in events(lake)}) == 2


def test_only_the_errors_tried_here_say_that_the_next_run_goes_on() -> None:
    sources = [*(ROOT / "src").rglob("*.rs"), *(ROOT / "python").rglob("*.py")]
    said = {
        words
        for source in sources
        for words in re.findall(r"the next run (?:[\w ]+ )?goes on [\w ]+", source.read_text(encoding="utf-8"))
    }
    # The help of --max-requests, which says what its error says.
    said.remove("the next run goes on from there")
    assert said == {match[0] for words in CAUSES if (match := re.search("the next run .*", words))}

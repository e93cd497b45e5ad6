"""The lines that a terminal shows while lists are read."""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import entities
from stripe_raw_rs.cli.bars import ASCII, BLOCKS, drawing
from stripe_raw_rs.cli.live import LiveLines
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tracker import ListProgress, Snapshot
from tests.command import on_terminal
from tests.conftest import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

# Name, bar, how much is done, objects, rate, and the time left once it is known.
LIVE = r"{name} +[\u2588-\u258f\u2591]+ +(\d+%)? +[\d,]+ +[\d,]+/s( +[\d:]+ left)?"
FRAME = re.compile(r"\x1b\[\d+A\x1b\[J")
LAST_LINE = re.compile(
    r"\d+/\d+ lists?  [\d,]+ objects?  [\d,]+/s  ([\d,]+ retr(?:y|ies)  )?\d+:\d\d(, \d+:\d\d left)?"
)


def frames_of(shown: str) -> list[list[str]]:
    """The lines of each drawing, without those of the log."""
    frames = [frame.split("\r\n")[:-1] for frame in FRAME.split(shown)]
    return [[line for line in frame if not re.match(r"\d{4}-", line)] for frame in frames]


def test_a_terminal_shows_one_live_line_for_each_entity(lake: Path) -> None:
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 1_500), latency_ms=60) as stripe:
        shown = on_terminal("run", "--lake", lake, "--api-base-url", stripe.url)
    for name in DEFAULT:
        assert re.search(LIVE.format(name=name), shown), name
    assert FRAME.search(shown), "the lines are drawn again in place"


def test_the_time_left_is_shown_once_the_end_of_a_list_is_in_sight(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 2_000}, latency_ms=50) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges", "--page-size", 10)
        shown = on_terminal("run", *given, "--max-concurrent-requests", 8)
    lines = [line for frame in frames_of(shown) for line in frame if line.startswith("charges")]
    assert not re.search("left$", lines[0]), "nobody knows yet how much remains"
    assert any(re.search(r"\d+%.*\d:\d\d left$", line) for line in lines)


def test_live_lines_fit_the_terminal_and_keep_their_columns(lake: Path) -> None:
    lines = 12
    with StripeSimulator(objects=0, counts=dict.fromkeys((e.name for e in entities()), 150), latency_ms=300) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "all", "--page-size", 10)
        shown = on_terminal("run", *given, lines=lines, columns=110)
    drawn = [frame for frame in frames_of(shown) if frame]
    assert max(map(len, drawn)) == lines - 1
    full = [frame for frame in drawn if len(frame) == lines - 1]
    assert any(re.fullmatch(r"and \d+ more lists", frame[-2]) for frame in full)
    for frame in drawn:
        assert LAST_LINE.fullmatch(frame[-1]), frame[-1]
        rows = [line for line in frame[:-1] if "/s" in line]
        assert len({line.index("/s") for line in rows}) <= 1, frame


def test_retries_are_one_number_in_place_of_a_line_each(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 2_000}, latency_ms=30, faults="status=500@p0.2") as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges", "--page-size", 20)
        backoff = ("--backoff-base-seconds", 0.1, "--max-retries", 20)
        shown = on_terminal("run", *given, *backoff)
        wordy = on_terminal("run", *given, *backoff, "--from-scratch", "--verbose")
    assert "tried again" not in shown
    assert re.search(r"  \d+ retr(y|ies)  ", shown)
    assert "tried again" in wordy


def test_a_terminal_without_blocks_gets_plain_signs(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with StripeSimulator(counts={"charges": 1_500}, latency_ms=60) as stripe:
        shown = on_terminal("run", "--lake", lake, "--api-base-url", stripe.url, "--entities", "charges")
    assert re.search(r"charges  [#-]+  ", shown)
    assert shown.isascii()


def test_a_narrow_terminal_cuts_names_before_bars_and_bars_before_numbers() -> None:
    rows = (progress("charges", requests=3, remaining=1), progress("a_list_with_a_very_long_name_indeed"))
    lines, _ = drawing(Snapshot(rows, 0, 0, 0, 0, 1.0), frozenset(), 10, 45, ASCII)
    assert "######--" in lines[0]
    assert lines[1].startswith("a_list")
    assert "..." in lines[1]
    assert all(line.isascii() and len(line) <= 45 for line in lines)


def progress(entity: str, *, requests: int = 0, remaining: int | None = None, rate: float = 1.0) -> ListProgress:
    return ListProgress(entity, 1, 100, requests, remaining, 0, 1, 0, 1.0, rate, rate)


def test_busy_lists_have_the_lines_and_a_list_keeps_its_own_while_it_is_nearly_as_busy() -> None:
    def names(shown: frozenset[str], **rates: float) -> list[str]:
        rows = tuple(progress(name, rate=rate) for name, rate in rates.items())
        lines, _ = drawing(Snapshot(rows, 0, 0, 0, 0, 1.0), shown, 4, 80, BLOCKS)
        assert len(lines) <= 4
        return [line.split()[0] for line in lines[:-2]]

    rates = {"idle": 0.0, "slow": 10.0, "fast": 15.0, "other": 12.0}
    assert names(frozenset(), **rates) == ["fast", "other"]
    assert names(frozenset(["slow"]), **rates) == ["slow", "fast"]
    assert names(frozenset(["slow"]), **{**rates, "fast": 60.0, "other": 50.0}) == ["fast", "other"]


@pytest.mark.parametrize(("lines", "columns"), [(10, 5), (10, 15), (1, 80), (2, 20)])
def test_a_small_terminal_is_not_scrolled(lake: Path, lines: int, columns: int) -> None:
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 300), latency_ms=200) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--page-size", 10)
        shown = on_terminal("run", *given, lines=lines, columns=columns)
    for drawn in frames_of(shown)[1:-1]:
        assert len(drawn) < lines
        assert all(len(line) < columns for line in drawn)


def test_a_log_line_stays_where_it_was_written_even_if_another_thread_draws() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    live = LiveLines(screen)
    begun, said = threading.Event(), threading.Event()

    def draw() -> None:
        begun.wait(10)
        live.tick()
        said.set()

    drawing = threading.Thread(target=draw)
    drawing.start()
    with live.away():
        begun.set()
        assert not said.wait(0.3), "nobody draws until the line is written"
        screen.write("the one error\n")
    drawing.join(10)
    assert screen.getvalue().startswith("the one error\n")


def test_the_demo_shows_live_lines(tmp_path: Path) -> None:
    shown = on_terminal("demo", "--lake", tmp_path / "demo")
    assert re.search(LIVE.format(name="charges"), shown)


def test_the_line_of_a_list_counts_the_accounts(lake: Path) -> None:
    with StripeSimulator(
        counts={"charges": 300}, connected_accounts=30, account_counts={"charges": 300}, latency_ms=60
    ) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges", "--accounts", "all")
        shown = on_terminal("run", *given, "--commit-interval-seconds", 0.1, columns=140)
    done = [int(number) for number in re.findall(r" (\d+) of 31 accounts\r\n", shown)]
    assert done == sorted(done)
    assert 0 < max(done) < 31, "some are done while others are read"

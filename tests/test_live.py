"""The lines that a terminal shows while lists are read."""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import entities
from stripe_raw_rs.cli.live import LiveLines
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import on_terminal
from tests.conftest import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

LIVE = r"{name} +[\d,]+ pages? +[\d,]+ objects? +[\d,]+/s  ([\d,]+|\?) left"


def test_a_terminal_shows_one_live_line_for_each_entity(lake: Path) -> None:
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 1_500), latency_ms=60) as stripe:
        shown = on_terminal("run", "--lake", lake, "--api-base-url", stripe.url)
    for name in DEFAULT:
        assert re.search(LIVE.format(name=name), shown), name
    assert re.search(r"\? left\r\n", shown), "nobody knows yet how much remains"
    assert re.search(r"\x1b\[\dA\x1b\[J", shown), "the lines are drawn again in place"


def test_live_lines_fit_the_terminal_and_keep_their_columns(lake: Path) -> None:
    lines = 12
    with StripeSimulator(objects=0, counts=dict.fromkeys((e.name for e in entities()), 150), latency_ms=300) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "all", "--page-size", 10)
        shown = on_terminal("run", *given, lines=lines, columns=110)
    frames = [frame.split("\r\n")[:-1] for frame in re.split(r"\x1b\[\d+A\x1b\[J", shown)]
    drawn = [[line for line in frame if " left" in line or "more lists" in line] for frame in frames]
    assert max(map(len, drawn)) == lines - 1
    assert any(re.fullmatch(r"and \d+ more lists", frame[-1]) for frame in drawn if frame)
    for frame in drawn:
        rows = [line for line in frame if " left" in line]
        assert len({line.index("/s ") for line in rows}) <= 1, frame


@pytest.mark.parametrize(("lines", "columns"), [(10, 5), (10, 15), (1, 80), (2, 20)])
def test_a_small_terminal_is_not_scrolled(lake: Path, lines: int, columns: int) -> None:
    with StripeSimulator(counts=dict.fromkeys(DEFAULT, 300), latency_ms=200) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--page-size", 10)
        shown = on_terminal("run", *given, lines=lines, columns=columns)
    for frame in re.split(r"\x1b\[\d+A\x1b\[J", shown)[1:-1]:
        drawn = [line for line in frame.split("\r\n")[:-1] if " complete, " not in line and " lands " not in line]
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
    done = [int(number) for number in re.findall(r" left, (\d+) of 31 accounts done\r\n", shown)]
    assert done == sorted(done)
    assert 0 < max(done) < 31, "some are done while others are read"

"""What the pictures show: commands that a reader would type, run in a folder of their own against the simulator."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stripe_raw_rs.simulator import StripeSimulator
from tests.command import command, run_on_terminal
from tests.pictures import notebook
from tests.pictures.screen import COLUMNS, LINES, Screen
from tests.pictures.svg import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# With these a run takes some eight seconds, and its bars move.
_COUNTS = {"charges": 5_200, "customers": 3_800, "invoices": 3_000, "refunds": 900}
_END = 1_780_000_000
_PACE = {"STRIPE_RAW_MAX_REQUESTS_PER_SECOND": "20", "STRIPE_RAW_COMMIT_INTERVAL_SECONDS": "1"}
# For a test: three seconds, since a run of less than two has no progress in a notebook.
_FAST = {"STRIPE_RAW_MAX_REQUESTS_PER_SECOND": "50"}
_LISTS = ("events", "charges", "refunds", "invoices", "customers")
_ENTITIES = f"--entities {' '.join(_LISTS)}"
_CELL = f"""import stripe_raw_rs

stripe_raw_rs.ingest(lake="./lake", entities="{",".join(_LISTS)}")"""
_ERASE = re.compile(r"\x1b\[\d+A\x1b\[J")
# Runs differ in numbers, times, names of runs, requests and folders, and in the length of bars.
_CHANGES = re.compile(r"\S*/(?=lake\b)|\breq_\w+|\b01[0-9A-Z]{24}\b|\d[\d,.:Z -]*|[\u2588-\u258f\u2591]+|\s+")


@dataclass
class Picture:
    """A picture: the name of its file, the lines that a reader sees, and how to draw it."""

    name: str
    lines: list[str]
    draw: Callable[[], bytes]


def scenes(folder: Path, *, paced: bool) -> Iterator[Picture]:
    """Run all scenes, one after the other; `paced` so slowly that a terminal shows progress."""
    for scene in (_terminal, _notebook):
        place = folder / scene.__name__.strip("_")
        place.mkdir(parents=True)
        latency = 60 if paced else 0
        with StripeSimulator(counts=_COUNTS, seed=1, latency_ms=latency, object_events=True, end=_END) as stripe:
            yield from scene(place, stripe, _environment(stripe, _PACE if paced else _FAST))


def settled(lines: list[str]) -> list[str]:
    """The lines without what differs from run to run: two runs of the same code give the same.

    Lists are drawn in the order of their speeds, so the lines are sorted.
    """
    return sorted(_CHANGES.sub(" ", line).strip() for line in lines)


def _terminal(folder: Path, stripe: StripeSimulator, environment: dict[str, str]) -> Iterator[Picture]:
    def typed(line: str) -> str:
        words = command(*line.split()[1:])
        written, _ = run_on_terminal(words, environment, (LINES, COLUMNS), folder=folder)
        return f"$ {line}\r\n{written}"

    def picture(name: str, screen: Screen) -> Picture:
        return Picture(f"{name}.svg", screen.text(), lambda: svg(screen, "stripe-raw").encode())

    yield picture("plan", Screen().write(typed(f"stripe-raw plan ./lake {_ENTITIES}")))
    written = typed(f"stripe-raw run ./lake {_ENTITIES}")
    yield picture("running", _half_way(written))
    yield picture("run", Screen().write(written))
    yield picture("status", Screen().write(typed("stripe-raw status ./lake")))
    stripe.set_denied(["refunds"])
    yield picture("failed", Screen().write(typed("stripe-raw run ./lake --entities charges refunds")))


def _notebook(folder: Path, _: StripeSimulator, environment: dict[str, str]) -> Iterator[Picture]:
    outputs = notebook.run_cell(_CELL, folder, environment)
    lines = [line for _, shown in outputs for line in notebook.text_of_html(shown)]
    for theme in ("light", "dark"):
        draw = partial(notebook.draw, _CELL, outputs, theme, lines)
        yield Picture(f"report-{theme}.png", lines, draw)


def _environment(stripe: StripeSimulator, pace: dict[str, str]) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    return {
        **others,
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))),
        "STRIPE_API_KEY": "rk_test_any",
        "STRIPE_RAW_API_BASE_URL": stripe.url,
        "STRIPE_RAW_MAINTENANCE": "no",
        **pace,
    }


def _half_way(written: str) -> Screen:
    """The screen in the middle of a run: of the drawings that know most, the one in the middle."""
    screens = [Screen().write(written[: found.start()]) for found in _ERASE.finditer(written)]
    most = max(_known(screen) for screen in screens)
    best = [screen for screen in screens if _known(screen) == most]
    return best[len(best) // 2]


def _known(screen: Screen) -> int:
    """Lines that know the time left."""
    return sum(line.endswith(" left") for line in screen.text())

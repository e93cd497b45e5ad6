"""The progress of the runs, drawn on a terminal: one line for each list, never more than the terminal has."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stripe_raw_rs.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from stripe_raw_rs._core import Attempt, Checkpoint
    from stripe_raw_rs.report import EntityResult

_REDRAW_SECONDS = 0.2
# The cursor needs a line of its own below them.
_CURSOR_LINES = 1


def live_lines(stream: TextIO) -> LiveLines | None:
    """Lines on a terminal that can draw them; None if the stream is not one."""
    return LiveLines(stream) if stream.isatty() and os.environ.get("TERM") != "dumb" else None


class LiveLines:
    """Lines that are drawn again several times a second; a `Display`."""

    def __init__(self, stream: TextIO) -> None:
        """Draw on `stream`, a terminal."""
        self._stream = stream
        self._lock = threading.RLock()
        self._attempts: dict[str, tuple[Attempt, float]] = {}
        self._drawn = 0
        self._due = 0.0

    def began(self, attempt: Attempt) -> None:
        """Show the entity from now on."""
        with self._lock:
            self._attempts[attempt.entity] = (attempt, time.monotonic())

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        """Counters are read when they are drawn."""

    def finished(self, result: EntityResult) -> None:
        """Leave the entity to the summary."""
        with self._lock:
            self._attempts.pop(result.entity, None)

    def tick(self) -> None:
        """Draw, if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _REDRAW_SECONDS
        with self._lock:
            size = _size(self._stream)
            rows = [_row(attempt, now - since) for attempt, since in self._attempts.values()]
            lines = _lines(rows, size.lines - _CURSOR_LINES)
            self._clear()
            # In the last column some terminals begin another line.
            self._stream.write("".join(line[: size.columns - 1] + "\n" for line in lines))
            self._stream.flush()
            self._drawn = len(lines)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take the lines away while something else is written: nobody draws until it is."""
        with self._lock:
            self._clear()
            yield

    def close(self) -> None:
        """Take the lines away for good."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        if self._drawn:
            # Up to the first line, then erase to the end of the screen.
            self._stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._stream.flush()
            self._drawn = 0


def _size(stream: TextIO) -> os.terminal_size:
    """The size of the terminal that `stream` is; the standard output may be another one."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return shutil.get_terminal_size()
    return size if size.columns and size.lines else shutil.get_terminal_size()


def _row(attempt: Attempt, seconds: float) -> tuple[str, ...]:
    """The cells of a list's line: its name first, then numbers."""
    now = attempt.progress()
    speed = now.rows / seconds if seconds > 0 else 0.0
    # Nobody knows how many requests remain while the list's end is not in sight.
    remaining = f"{now.remaining:,}" if now.remaining else "?"
    retries = f", {counted(now.retries, 'retry', 'retries')}" if now.retries else ""
    count = attempt.runs + attempt.remaining
    accounts = f", {attempt.finished:,} of {count:,} accounts done" if count > 1 else ""
    return (
        attempt.entity,
        counted(now.pages, "page"),
        counted(now.rows, "object"),
        f"{speed:,.0f}/s",
        f"{remaining} left{retries}{accounts}",
    )


def _lines(rows: list[tuple[str, ...]], most: int) -> list[str]:
    """As many of the rows as fit, in columns; of the others only their number."""
    if most < 1:
        return []
    shown = rows if len(rows) <= most else rows[: most - 1]
    widths = [max((len(row[column]) for row in shown), default=0) for column in range(5)]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True)),
                row[4],
            ]
        )
        for row in shown
    ]
    return lines if len(shown) == len(rows) else [*lines, f"and {len(rows) - len(shown):,} more lists"]

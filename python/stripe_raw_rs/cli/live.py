"""The progress of the runs, drawn on a terminal: busy lists first, never more lines than the terminal has."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stripe_raw_rs.cli.bars import ASCII, BLOCKS, drawing
from stripe_raw_rs.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from stripe_raw_rs._core import Attempt, Checkpoint
    from stripe_raw_rs.entity_result import EntityResult

_REDRAW_SECONDS = 0.2
# The cursor needs a line of its own below them.
_CURSOR_LINES = 1


def live_lines(stream: TextIO) -> LiveLines | None:
    """Lines on a terminal that can draw them; None if the stream is not one."""
    return LiveLines(stream) if stream.isatty() and os.environ.get("TERM") != "dumb" else None


class LiveLines:
    """Lines that are drawn again several times a second; a `Display`."""

    # The last line counts them: the log need not name each.
    counts_retries = True

    def __init__(self, stream: TextIO) -> None:
        """Draw on `stream`, a terminal."""
        self._stream = stream
        self._lock = threading.RLock()
        self._tracker = Tracker()
        self._signs = BLOCKS if _shows(stream, BLOCKS) else ASCII
        # The lists that were shown last: a line that comes and goes could not be read.
        self._shown: frozenset[str] = frozenset()
        self._drawn = 0
        self._due = 0.0
        # Whether the terminal has gone: what is written to it raises.
        self._is_gone = False

    def began(self, attempt: Attempt) -> None:
        """Show the entity from now on."""
        self._tracker.began(attempt)

    def committed(self, attempt: Attempt, checkpoint: Checkpoint) -> None:
        """Counters are read when they are drawn."""

    def finished(self, result: EntityResult) -> None:
        """Leave the entity to the summary."""
        self._tracker.finished(result)

    def tick(self) -> None:
        """Draw, if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _REDRAW_SECONDS
        with self._lock:
            size = _size(self._stream)
            # In the last column some terminals begin another line.
            lines, self._shown = drawing(
                self._tracker.read(), self._shown, size.lines - _CURSOR_LINES, size.columns - 1, self._signs
            )
            self._clear()
            self._write("".join(line + "\n" for line in lines))
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
            self._write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _write(self, text: str) -> None:
        if self._is_gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        # A closed stream is a ValueError.
        except (OSError, ValueError):
            self._is_gone = True


def _shows(stream: TextIO, signs: str) -> bool:
    """Whether the terminal's encoding has these signs."""
    try:
        signs.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def _size(stream: TextIO) -> os.terminal_size:
    """The size of the terminal that `stream` is; the standard output may be another one."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return shutil.get_terminal_size()
    return size if size.columns and size.lines else shutil.get_terminal_size()

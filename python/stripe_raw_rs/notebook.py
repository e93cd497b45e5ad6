"""Progress in a notebook: one place below the cell, which is drawn again in place a few times a second."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import markup
from stripe_raw_rs.progress import LogLines
from stripe_raw_rs.text import clock, counted
from stripe_raw_rs.tracker import Tracker

if TYPE_CHECKING:
    from stripe_raw_rs._core import Attempt
    from stripe_raw_rs.entity_result import EntityResult
    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.tracker import ListProgress, Snapshot

# What is over sooner is not worth a place.
_QUIET_SECONDS = 2.0
_REDRAW_SECONDS = 0.5
_MOST_ROWS = 12
_HEADINGS = ("entity", "done", "objects", "objects/s", "left")


def usual_display() -> Display:
    """The display of a call that names none: in a notebook a place below the cell, elsewhere the log."""
    return NotebookDisplay() if is_notebook() else LogLines()


def is_notebook() -> bool:
    """Whether a kernel of Jupyter's runs this process. That of Databricks is one, too; a terminal's IPython is not."""
    # Whoever runs in IPython has imported it.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)


class NotebookDisplay(LogLines):
    """A table that is drawn again in place, and the log's lines for whoever has asked for them."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        self._tracker = Tracker()
        self._handle: Any = None
        self._is_given_up = False
        self._due = time.monotonic() + _QUIET_SECONDS

    def began(self, attempt: Attempt) -> None:
        """Show the list from now on."""
        self._tracker.began(attempt)
        super().began(attempt)

    def finished(self, result: EntityResult) -> None:
        """Leave the list to the report."""
        self._tracker.finished(result)
        super().finished(result)

    def tick(self) -> None:
        """Draw, if it is time."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _REDRAW_SECONDS
            self._draw(progress_html(self._tracker.read()))

    def close(self) -> None:
        """Leave one line in the place, if there is one."""
        if self._handle is not None:
            self._draw(markup.block(markup.line(_said(self._tracker.read()), "muted")))

    def _draw(self, html: str) -> None:
        """Draw in the place. A notebook that cannot has the log alone: no progress is worth a failed run."""
        if self._is_given_up:
            return
        try:
            from IPython.display import HTML, display  # noqa: PLC0415 - notebooks alone have it

            if self._handle is None:
                self._handle = display(HTML(html), display_id=True)
            else:
                self._handle.update(HTML(html))
        except Exception:  # noqa: BLE001 - see above
            self._handle = None
        self._is_given_up = self._handle is None


def progress_html(now: Snapshot) -> str:
    """Draw how far the lists are, the fastest ones first."""
    rows = sorted(now.open, key=lambda row: -row.objects_per_second)
    rest = len(rows) - _MOST_ROWS
    return markup.block(
        markup.table(_HEADINGS, [_cells(row) for row in rows[:_MOST_ROWS]], numbers=_HEADINGS[1:]),
        markup.line(f"and {counted(rest, 'more list')}", "muted") if rest > 0 else "",
        markup.line(_said(now), "muted"),
    )


def _cells(row: ListProgress) -> tuple[str, ...]:
    done = "" if row.share is None else f"{100 * row.share:.0f}%"
    if row.accounts > 1:
        done = f"{row.accounts_done:,} of {row.accounts:,} accounts"
    left = "" if row.seconds_left is None else clock(row.seconds_left)
    return row.entity, done, f"{row.objects:,}", f"{row.objects_per_second:,.0f}", left


def _said(now: Snapshot) -> str:
    retries = [counted(now.retries, "retry", "retries")] if now.retries else []
    parts = (f"{now.done:,} of {counted(now.lists, 'list')} done", counted(now.objects, "object"))
    return ", ".join([*parts, counted(now.requests, "request"), *retries, clock(now.seconds)])

"""The log of `stripe-raw` on stderr: plain lines, or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import nullcontext
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from stripe_raw_rs._core import one_line
from stripe_raw_rs.cli.colors import RED, YELLOW, paint

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class TextFormatter(logging.Formatter):
    """One line per record; a traceback follows indented, so that no line of it can pass for a record."""

    def __init__(self, *, colored: bool = False) -> None:
        super().__init__()
        self._colored = colored

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        level = f"{record.levelname.lower():<7}"
        if self._colored and record.levelno >= logging.WARNING:
            level = paint(level, RED if record.levelno >= logging.ERROR else YELLOW)
        line = f"{_time(record)} {level} {one_line(record.getMessage())}"
        trace = _trace(self, record)
        return line if trace is None else line + "".join(f"\n    {part}" for part in trace.splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": one_line(record.getMessage()),
        }
        # The outcome of a list has a message of its own; the record's takes its place.
        values = {**line, **getattr(record, "fields", {}), **line}
        trace = _trace(self, record)
        return json.dumps(values if trace is None else {**values, "traceback": trace})


def last_line(text: str, exit_code: int) -> str:
    """The last line of a failed command whose log is JSON."""
    return json.dumps(
        {
            "time": _rfc3339(datetime.now(timezone.utc)),
            "level": "error",
            "message": one_line(text),
            "exit_code": exit_code,
        }
    )


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers only
    def __init__(self, around: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(sys.stderr)
        self._around = around

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with self._around():
                super().emit(record)
        except Exception:  # noqa: BLE001 - no line of a log is worth a failed run
            self.handleError(record)


def configure_log(
    formatter: logging.Formatter, level: int, around: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Write this package's log to stderr, from this level on; each record is written inside of what `around` makes."""
    handler = _Handler(around)
    handler.setFormatter(formatter)
    logger = logging.getLogger("stripe_raw_rs")
    for old in [old for old in logger.handlers if isinstance(old, _Handler)]:
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level)
    # Job runners configure the root logger too; each line is wanted once.
    logger.propagate = False


def _time(record: logging.LogRecord) -> str:
    return _rfc3339(datetime.fromtimestamp(record.created, timezone.utc))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    if not record.exc_info:
        return None
    # A library's text may be made for a terminal, or to look like a record.
    return "\n".join(map(one_line, formatter.formatException(record.exc_info).splitlines()))

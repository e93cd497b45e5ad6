"""The start of a first run: a date, a date-time or seconds since 1970, read as UTC."""

from __future__ import annotations

import time
from datetime import date, datetime, timezone

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError


def start_seconds(start: str | date | int) -> int:
    """Convert a start to whole seconds since 1970. Raises UsageError if it is not a moment of the past."""
    if isinstance(start, int):
        seconds = start
    else:
        moment = _moment(start)
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())
    if seconds < 0:
        message = f"start '{plain(start)}' is before 1970"
        raise UsageError(message)
    if seconds > time.time():
        message = f"start '{plain(start)}' is in the future"
        raise UsageError(message)
    return seconds


def _moment(start: str | date) -> datetime:
    if isinstance(start, datetime):
        return start
    if isinstance(start, date):
        return datetime(start.year, start.month, start.day, tzinfo=timezone.utc)
    try:
        # Python 3.10 does not know the letter for UTC.
        return datetime.fromisoformat(start.strip().removesuffix("Z"))
    except ValueError:
        message = (
            f"start '{plain(start)}' must be a date or date-time in UTC, such as 2024-01-31 or 2024-01-31T18:00:00"
        )
        raise UsageError(message) from None

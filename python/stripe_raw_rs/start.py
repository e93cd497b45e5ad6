"""The start of a first run, and the ends of a window: a date, a date-time or seconds since 1970, read as UTC."""

from __future__ import annotations

import time
from datetime import date, datetime, timezone

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError


def start_seconds(start: str | date | int) -> int:
    """Convert a start to whole seconds since 1970. Raises UsageError if it is not a moment of the past."""
    seconds = seconds_of("start", start)
    if seconds > time.time():
        message = f"start '{plain(start)}' is in the future"
        raise UsageError(message)
    return seconds


def seconds_of(name: str, moment: str | date | int) -> int:
    """Convert the moment of an option to whole seconds since 1970. Raises UsageError if it is none."""
    if isinstance(moment, int):
        seconds = moment
    else:
        time_of_day = _moment(name, moment)
        seconds = int((time_of_day if time_of_day.tzinfo else time_of_day.replace(tzinfo=timezone.utc)).timestamp())
    if seconds < 0:
        message = f"{name} '{plain(moment)}' is before 1970"
        raise UsageError(message)
    return seconds


def _moment(name: str, moment: str | date) -> datetime:
    if isinstance(moment, datetime):
        return moment
    if isinstance(moment, date):
        return datetime(moment.year, moment.month, moment.day, tzinfo=timezone.utc)
    try:
        # Python 3.10 does not know the letter for UTC.
        return datetime.fromisoformat(moment.strip().removesuffix("Z"))
    except ValueError:
        message = (
            f"{name} '{plain(moment)}' must be a date or date-time in UTC, such as 2024-01-31 or 2024-01-31T18:00:00"
        )
        raise UsageError(message) from None

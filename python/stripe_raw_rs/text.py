"""Text for people: lines, numbers of things, moments, and tables of columns."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from stripe_raw_rs._core import one_line, plain
from stripe_raw_rs.exceptions import StripeRawError

if TYPE_CHECKING:
    from collections.abc import Sequence


# So many lines about one list are shown, and so many names in a line, more than anyone reads. The rest is counted.
_SHOWN = 20


def error_line(error: BaseException) -> str:
    """One plain line about an error; for an unforeseen one with its type."""
    if isinstance(error, StripeRawError):
        return one_line(error)
    return plain(f"{type(error).__name__}: {error}")


def first_of(lines: Sequence[str], start: str = "", *, in_json: bool = True) -> list[str]:
    """Give the first lines, and after `start` the number of the others, if there are any."""
    more = len(lines) - _SHOWN
    where = ", which the JSON has" if in_json else ""
    return [*lines[:_SHOWN], *([f"{start}and {more:,} more{where}"] if more > 0 else [])]


def skipped_line(names: Sequence[str], how: str) -> str:
    """Say which lists are skipped; `how` is a verb, e.g. `skipped`."""
    them = "it" if len(names) == 1 else "them"
    return f"{counted(len(names), 'list')} {how}, because the account does not have {them}: {', '.join(names)}"


def counted(number: int, thing: str, things: str = "") -> str:
    """A number of things: `1 page`, `2 pages`; `things` is the plural if it is not the singular with an s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def date_time(seconds: int | None) -> str:
    """Seconds since 1970 as a date-time in UTC; a dash for none, and for one that no calendar has."""
    try:
        return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        return "-"


def clock(seconds: float) -> str:
    """A time that passes, as a clock shows it: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rfc3339(seconds: int | None) -> str | None:
    """Seconds since 1970 as RFC 3339 in UTC, for machines; None for none, and for one that no calendar has."""
    shown = date_time(seconds)
    return None if shown == "-" else shown.replace(" ", "T") + "Z"


def text_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 2,
    *,
    columns: int | None = None,
    spare: Sequence[str] = (),
) -> str:
    """Columns under headings: the first columns, `left` of them, to the left; numbers to the right.

    If a terminal of so many `columns` has no room for all of it, those named in `spare` are left out, in their order,
    until the rest fits, and a last line names them.
    """
    table = [headings, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    absent: list[str] = []
    while columns is not None and len(absent) < len(spare) and _width(headings, widths, absent) > columns:
        absent.append(spare[len(absent)])
    lines = [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (heading, cell, width) in enumerate(zip(headings, row, widths, strict=True))
            if heading not in absent
        ).rstrip()
        for row in table
    ]
    return "\n".join([*lines, *([f"a wider terminal adds {', '.join(absent)}"] if absent else [])])


def _width(headings: Sequence[str], widths: Sequence[int], absent: Sequence[str]) -> int:
    shown = [width for heading, width in zip(headings, widths, strict=True) if heading not in absent]
    return sum(shown) + 2 * (len(shown) - 1)

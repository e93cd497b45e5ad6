"""The lines that show how far the lists are, as text: a bar, objects, their rate and the time left. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.text import clock, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_raw_rs.tracker import ListProgress, Snapshot

# The empty place first, then a place that is filled more and more.
BLOCKS = "\u2591\u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588"
ASCII = "-#"
# More lines than this are not read while they change.
_MOST_ROWS = 12
# A list takes the line of another one only if it is so much faster.
_KEEPS_ITS_LINE = 2.0
_WIDEST_BAR, _NARROWEST_BAR = 20, 8


def drawing(
    now: Snapshot, shown: frozenset[str], most: int, columns: int, signs: str
) -> tuple[list[str], frozenset[str]]:
    """Draw at most so many lines of so many columns, and name the lists that have one; `shown` had one before."""
    if most < 1 or not now.lists:
        return [], frozenset()
    room = min(_MOST_ROWS, most - 1)
    rows = _busy_first(now.open, shown)
    if len(rows) > room:
        rows = rows[: max(room - 1, 0)]
    names = frozenset(row.entity for row in rows)
    # Busy lists stand first, and keep their order.
    chosen = [row for is_busy in (True, False) for row in now.open if row.entity in names and _is_busy(row) == is_busy]
    lines = _rows(chosen, columns, signs)
    rest = len(now.open) - len(chosen)
    if rest and room:
        lines.append(f"and {counted(rest, 'more list')}")
    return [line[:columns] for line in (*lines, _last_line(now, columns))], names


def _is_busy(row: ListProgress) -> bool:
    return row.requests_per_second > 0


def _busy_first(rows: Sequence[ListProgress], shown: frozenset[str]) -> list[ListProgress]:
    return sorted(
        rows,
        key=lambda row: (
            not _is_busy(row),
            -row.objects_per_second * (_KEEPS_ITS_LINE if row.entity in shown else 1),
        ),
    )


def _rows(rows: Sequence[ListProgress], columns: int, signs: str) -> list[str]:
    """Draw rows in columns. The bar gives way to the rest of a line, and the end of a long name to the bar."""
    tails = _aligned([_numbers(row) for row in rows])
    name = max((len(row.entity) for row in rows), default=0)
    tail = max(map(len, tails), default=0)
    bar = min(_WIDEST_BAR, columns - name - tail - 4)
    if bar < _NARROWEST_BAR:
        bar = _NARROWEST_BAR
        name = max(columns - tail - bar - 4, 8)
    return [
        f"{_cut(row.entity, name, signs):<{name}}  {_bar(row.share, bar, signs)}  {numbers}".rstrip()
        for row, numbers in zip(rows, tails, strict=True)
    ]


def _numbers(row: ListProgress) -> tuple[str, ...]:
    left = row.seconds_left
    end = "" if left is None else f"{clock(left)} left"
    if row.accounts > 1:
        end = f"{row.accounts_done:,} of {row.accounts:,} accounts"
    share = "" if row.share is None else f"{100 * row.share:.0f}%"
    return share, f"{row.objects:,}", f"{row.objects_per_second:,.0f}/s", end


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _bar(share: float | None, width: int, signs: str) -> str:
    empty, parts = signs[0], signs[1:]
    filled = round((share or 0) * width * len(parts))
    whole, part = divmod(filled, len(parts))
    return (parts[-1] * whole + (parts[part - 1] if part else "")).ljust(width, empty)


def _cut(text: str, width: int, signs: str) -> str:
    more = "..." if signs == ASCII else "\u2026"
    return text if len(text) <= width else text[: width - len(more)] + more


def _last_line(now: Snapshot, columns: int) -> str:
    """Say everything about all lists; what is least missed goes first if the line is too long."""
    retries = [counted(now.retries, "retry", "retries")] if now.retries else []
    left = now.seconds_left
    time = clock(now.seconds) + ("" if left is None else f", {clock(left)} left")
    numbers = [f"{counted(now.objects, 'object')}", f"{now.objects_per_second:,.0f}/s"]
    lists = [f"{now.done:,}/{counted(now.lists, 'list')}"]
    for parts in ([*lists, *numbers, *retries, time], [*numbers, *retries, time], [*retries, time]):
        line = "  ".join(parts)
        if len(line) <= columns:
            return line
    return clock(now.seconds)

"""A run with faults from beginning to end: it ends whole, and needs no more memory than at its beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.soak import soak

if TYPE_CHECKING:
    from pathlib import Path

OBJECTS = 100_000


def test_memory_and_file_handles_stay_flat_however_much_goes_wrong(lake: Path) -> None:
    # The number of requests in flight grows with time, and each has a socket; here it has no room to grow.
    found = soak(OBJECTS, lake, commit_interval_seconds="0.2", max_concurrent_requests="8")
    assert found.total("rows") == OBJECTS
    assert found.total("retries") > OBJECTS / 100 * 0.02, "the run met faults"
    (memory, handles), (later_memory, later_handles) = found.most(1, 3), found.most(2, 3)
    assert later_memory < memory * 1.25 + 10
    # Five commits may be open at once. One handle left behind by each commit, or by each request, would be far more.
    assert later_handles <= handles + 40

"""A child process that runs the main job and kills itself, without warning, at one chosen step.

Steps are the moments before and after each change to a table, counted over all tables: `python -m tests.crash LAKE URL
STEP`. It ends by SIGKILL at that step, or with the report's exit code where the job has fewer steps.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import ingest
from stripe_raw_rs.tables import open_lake
from tests.conftest import KEY

if TYPE_CHECKING:
    from stripe_raw_rs.tables import Table, Tables


class Mortal:
    """A table, or the tables, that count steps and die at one of them."""

    def __init__(self, inner: Tables | Table, clock: list[int]) -> None:
        self._inner = inner
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def table(self, name: str) -> Mortal:
        return Mortal(self._inner.table(name), self._clock)  # type: ignore[union-attr]

    def create(self, *arguments: Any) -> None:
        self._step("create", arguments)

    def append(self, commit: Any) -> None:
        self._step("append", (commit,))

    def _step(self, name: str, arguments: tuple[Any, ...]) -> None:
        self._tick()
        getattr(self._inner, name)(*arguments)
        self._tick()

    def _tick(self) -> None:
        self._clock[0] -= 1
        if self._clock[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    lake, url, step, interval, page_size = sys.argv[1:]
    report = ingest(
        tables=Mortal(open_lake(lake), [int(step)]),
        entities="charges",
        api_key=KEY,
        api_base_url=url,
        commit_interval_seconds=float(interval),
        page_size=int(page_size),
        lookback_seconds=0,
    )
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())

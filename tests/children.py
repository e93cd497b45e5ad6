"""Child processes that run the main job, each on its own, and helpers that wait for their end or their stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import KEY
from tests.places import place_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

    from stripe_raw_rs.simulator import StripeSimulator
    from tests.gateway import Gateway

# Seconds after which a child is taken for hanging.
_LONGEST = 240
_ROOT = Path(__file__).parents[1]


class Child:
    """A process that runs the main job with stepped tables; `with` ends it if it is still there."""

    def __init__(  # noqa: PLR0913 - keywords distinguish them
        self,
        lake: Path,
        stripe: StripeSimulator | Gateway,
        step: int | str = 0,
        by: str = "SIGKILL",
        *,
        delay: float = 0,
        environment: Mapping[str, str] | None = None,
        **options: object,
    ) -> None:
        settings = {"api_key": KEY, "api_base_url": stripe.url, "backoff_base_seconds": 0.01, **options}
        place = {name: str(value) for name, value in place_of(lake).items()}
        job = {"place": place, "step": step, "delay": delay, "signal": by, "options": settings}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stepped", json.dumps(job)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, **(environment or {})},
        )
        self.pid = self._process.pid
        self.said: list[str] = []
        self.steps: list[str] = []
        self.peak_kib = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def lives(self) -> bool:
        """Say whether it has not ended yet."""
        return self._process.poll() is None

    def stands_still(self) -> bool:
        """Wait until it stands still (True) or has ended (False)."""
        state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        return state is not None and state.si_code == os.CLD_STOPPED

    def go_on(self) -> None:
        """Wake it up."""
        os.kill(self.pid, signal.SIGCONT)

    def ended(self) -> int:
        """Wait for its end; a signal's number is negative."""
        output, errors = self._process.communicate(timeout=_LONGEST)
        if output:
            report = json.loads(output)
            self.said, self.steps, self.peak_kib = report["said"], report["steps"], report["peak_kib"]
        code = self._process.returncode
        assert code in {0, 1, 75, -signal.SIGKILL}, errors
        assert "Traceback" not in errors, errors
        return code


def assert_mostly_killed(ends: Counter[int]) -> None:
    """Check the ends of processes whose number of steps depends on time: some may end before the chosen one comes."""
    assert ends.keys() <= {-signal.SIGKILL, 0}
    assert ends[-signal.SIGKILL] > ends.total() // 2, ends


def steps_of(lake: Path, stripe: StripeSimulator, **options: Any) -> list[str]:
    """The steps of a process that nobody stops."""
    with Child(lake, stripe, **options) as child:
        assert child.ended() == 0, child.said
        return child.steps


def wait_for(condition: Any, seconds: float = 30) -> None:
    """Wait until a condition holds; a lake that is not there yet does not meet it."""
    end = time.monotonic() + seconds
    while True:
        with suppress(Exception):
            if condition():
                return
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.02)

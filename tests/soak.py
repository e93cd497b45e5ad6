"""A long run with faults on: everything must be there at its end, and memory and file handles must stay flat.

`just soak` takes five million objects, and `tests/test_soak.py` takes a small share of that. The run is a process of
its own, and is looked at from outside four times a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_raw_rs.simulator import StripeSimulator

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "rk_test_soak"
LISTS = ("payment_intents", "charges", "balance_transactions", "refunds", "invoices")
# Faults of every kind that pass by themselves, on about three requests of a hundred; and some requests time out.
FAULTS = (
    "status=500@p0.005,status=503/retry-after=0@p0.005,status=429/reason=endpoint-rate@p0.002,status=409@p0.002,"
    "reset@p0.005,cut@p0.005,truncate@p0.005,hang@p0.0005"
)
_QUICK = ("--backoff-base-seconds=0.01", "--backoff-max-seconds=0.1", "--request-timeout-seconds=2")


@dataclass(frozen=True)
class Soak:
    """The result of a soak. Samples are (megabytes in use, file handles), evenly spread over the run."""

    seconds: float
    entities: list[dict[str, Any]]
    samples: list[tuple[float, int]]

    def total(self, what: str) -> int:
        """Sum one of the report's numbers over all lists."""
        return sum(entity[what] for entity in self.entities)

    def most(self, part: int, parts: int) -> tuple[float, int]:
        """Most memory and most handles in a part of the run, counted from 0."""
        size = len(self.samples) / parts
        share = self.samples[int(part * size) : int((part + 1) * size)] or self.samples[-1:]
        return max(memory for memory, _ in share), max(handles for _, handles in share)


def soak(objects: int, lake: Path, **options: str) -> Soak:
    """Land that many objects over five lists, with faults on; raises if the run or its audit fails."""
    counts = dict.fromkeys(LISTS, objects // len(LISTS))
    with StripeSimulator(seed=13, counts=counts, gzip=True, faults=FAULTS) as stripe:
        arguments = ["run", f"--lake={lake}", f"--api-base-url={stripe.url}", "--output=json", *_QUICK]
        arguments += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        began = time.monotonic()
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                [sys.executable, "-m", "stripe_raw_rs", *arguments],
                env={**os.environ, "STRIPE_API_KEY": KEY},
                stdout=subprocess.PIPE,
                stderr=log,
            ) as child,
        ):
            samples = []
            while child.poll() is None:
                if (sample := _sample(child.pid)) is not None:
                    samples.append(sample)
                time.sleep(0.25)
            seconds = time.monotonic() - began
            assert child.stdout is not None
            report = child.stdout.read()
            log.seek(0)
            assert child.returncode == 0, log.read()[-2_000:]
        verified = subprocess.run(
            [sys.executable, "-m", "stripe_raw_rs", "verify", f"--lake={lake}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
    return Soak(seconds, json.loads(report)["entities"], samples)


def _sample(process: int) -> tuple[float, int] | None:
    """Megabytes in use and open files; none if the process has just ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        handles = sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    except OSError:
        return None
    memory = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), None)
    return None if memory is None else (memory / 1e3, handles)


def main(objects: int, say: Callable[[str], None]) -> None:
    """Soak, and print the samples of each tenth."""
    with tempfile.TemporaryDirectory() as folder:
        found = soak(objects, Path(folder) / "lake")
    rows, requests, retries = (found.total(what) for what in ("rows", "requests", "retries"))
    say(f"{rows:,} objects in {found.seconds:.0f} s, {requests:,} requests, {retries:,} tried again; verified")
    say("| tenth of the run | most memory, MB | most file handles |\n|--:|--:|--:|")
    for tenth in range(10):
        memory, handles = found.most(tenth, 10)
        say(f"| {tenth + 1} | {memory:.0f} | {handles} |")


if __name__ == "__main__":
    main(int(sys.argv[1]), print)

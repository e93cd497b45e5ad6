"""First runs of many accounts by one process on Spark, beside 1, 2 and 4 tasks of Spark: wall time and CPU time.

`just bench-spark-distributed LANE`. Once the platform has one limit for all accounts; once each answer takes a while
and there is no limit, as if each account had limits of its own; and once each task has its own requests in flight, too,
as if it were on a machine of its own: two cores show no more of that. The simulator has a process of its own. The
session is there already, and one call compiles before any is measured. Linux only.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.conftest import KEY
from tests.spark.lanes import LANES

from stripe_raw_rs import ingest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCOUNTS = 40
_OBJECTS = 300
_PROGRAMS = str(Path(__file__).with_name("programs.py"))
_RATE = 25
_IN_FLIGHT = 8
_NO_LIMIT = 100_000


class Scene(NamedTuple):
    """What the simulator does, and what the callers know of it."""

    what: str
    settings: dict[str, Any]
    rate: int
    # Whether each task has as many requests in flight as one process, and not all of them together.
    is_each: bool = False


_SCENES = (
    Scene(f"one limit of {_RATE} requests/s", {"rate_limit": _RATE, "endpoint_rate_limit": _RATE}, _RATE),
    Scene("no limit, 150 ms an answer", {"latency_ms": 150}, _NO_LIMIT),
    Scene(
        f"{_IN_FLIGHT} requests in flight for each task, 600 ms an answer", {"latency_ms": 600}, _NO_LIMIT, is_each=True
    ),
)
_TASKS = (None, 1, 2, 4)
_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds: of the clock, and of CPU in this process, in the workers of Python and in Spark's JVM."""

    wall: float
    driver: float
    workers: float
    jvm: float

    @property
    def cpu(self) -> float:
        return self.driver + self.workers + self.jvm


def children(process: int | str) -> list[str]:
    found: list[str] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += path.read_text(encoding="ascii").split()
    return found


def cpu_of(process: str, *, with_ended: bool) -> float:
    """CPU seconds of a process, with those of its children that have ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return sum(int(field) for field in fields[11 : 15 if with_ended else 13]) / _TICKS
    return 0.0


def cpu_seconds() -> tuple[float, float, float]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    machines = [child for child in children("self") if b"java" in Path(f"/proc/{child}/cmdline").read_bytes()]
    daemons = [daemon for machine in machines for daemon in children(machine)]
    workers = [*daemons, *(worker for daemon in daemons for worker in children(daemon))]
    jvm = sum(cpu_of(machine, with_ended=False) for machine in machines)
    return own.ru_utime + own.ru_stime, sum(cpu_of(worker, with_ended=True) for worker in workers), jvm


@contextmanager
def simulated(settings: dict[str, Any]) -> Iterator[str]:
    """A platform in a process of its own; its address."""
    given = {"connected_accounts": _ACCOUNTS, "account_counts": {"charges": _OBJECTS}, "frozen_clock": True, **settings}
    command = [sys.executable, _PROGRAMS, "simulate", json.dumps(given)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.stdout.read()


def cost(url: str, schema: str, rate: int, tasks: int | None, in_flight: int = _IN_FLIGHT) -> Cost:
    """Land the charges of all accounts."""
    options: dict[str, Any] = {} if tasks is None else {"distributed": True, "distributed_tasks": tasks}
    before, began = cpu_seconds(), time.perf_counter()
    report = ingest(
        catalog="spark_catalog",
        schema=schema,
        entities="charges",
        accounts="all",
        api_key=KEY,
        api_base_url=url,
        max_concurrent_requests=in_flight,
        max_requests_per_second=rate,
        max_requests_per_second_per_endpoint=rate,
        **options,
    )
    wall = time.perf_counter() - began
    report.raise_for_status()
    assert sum(result.rows for result in report.entities) == _ACCOUNTS * _OBJECTS
    driver, workers, jvm = (after - first for after, first in zip(cpu_seconds(), before, strict=True))
    return Cost(wall, driver, workers, jvm)


def main(name: str) -> None:
    lane = LANES[name]
    with tempfile.TemporaryDirectory() as folder:
        # Tasks wait for answers most of the time: there may be more of them than cores.
        settings = {"spark.master": "local[4]"}
        os.environ.update(lane.environment(Path(folder, "conf"), Path(folder, "warehouse"), settings))
        session = lane.session()
        with simulated({}) as url:
            for tasks in (None, 4):
                cost(url, f"warm_{tasks or 0}", _NO_LIMIT, tasks)
        for number, scene in enumerate(_SCENES):
            print(f"{name}: {_ACCOUNTS} accounts of {_OBJECTS} charges, {scene.what}")  # noqa: T201 - what was measured
            costs: list[Cost] = []
            for tasks in _TASKS:
                # A bucket of the limit that is full helps nobody.
                with simulated(scene.settings) as url:
                    in_flight = _IN_FLIGHT * (tasks or 1 if scene.is_each else 1)
                    costs.append(cost(url, f"bench_{number}_{tasks or 0}", scene.rate, tasks, in_flight))
                one, this = costs[0], costs[-1]
                who = "one process" if tasks is None else f"{tasks} task{'s' if tasks > 1 else ''}"
                print(  # noqa: T201 - as above
                    f"  {who:>11}: {this.wall:5.1f} s ({this.wall / one.wall:.2f} x), CPU {this.cpu:5.1f} s "
                    f"({this.cpu / one.cpu:.2f} x): driver {this.driver:.1f}, workers {this.workers:.1f}, "
                    f"JVM {this.jvm:.1f}",
                    flush=True,
                )
        session.stop()


if __name__ == "__main__":
    main(sys.argv[1])

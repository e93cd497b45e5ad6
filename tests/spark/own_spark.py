"""Programs that have a Spark of their own, and the processes that this Spark starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.children import wait_for
from tests.documents import ROOT
from tests.spark.lanes import LANES, SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stripe_raw_rs.simulator import StripeSimulator


def run(  # noqa: PLR0913 - keywords distinguish them
    lane: str,
    folder: Path,
    program: str,
    *given: str,
    path: str | None = None,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program on a Spark of its own; without other settings, it tries each task twice."""
    of_spark = {**SHORT, "spark.master": "local[2,2]", **(settings or {})}
    variables = {**os.environ, **LANES[lane].environment(folder / "settings", folder / "warehouse", of_spark)}
    variables["PYTHONPATH"] = str(ROOT / "python") if path is None else path
    command = [sys.executable, "-c", program, *given]
    environ = {**variables, **(environment or {})}
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)


def kill_after(stripe: StripeSimulator, requests: int, find: Callable[[int], Iterator[int]]) -> list[int]:
    """Once there were so many requests, end the processes below this one that `find` names. Gives those it ended."""
    killed: list[int] = []
    wait_for(lambda: stripe.requests >= requests, 300)
    for process in find(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            killed.append(process)
    return killed


def workers_below(process: int, *, of_daemon: bool = False) -> Iterator[int]:
    """The workers of Python that Spark's daemon has forked."""
    for child in _children(process):
        is_daemon = b"pyspark.daemon" in _read(child, "cmdline")
        if is_daemon and of_daemon:
            yield child
        yield from workers_below(child, of_daemon=is_daemon)


def executors_below(process: int) -> Iterator[int]:
    """The executors of a cluster on this machine, each a JVM of its own."""
    for child in _children(process):
        if b"CoarseGrainedExecutorBackend" in _read(child, "cmdline"):
            yield child
        yield from executors_below(child)


def processes_with(variable: bytes) -> Iterator[int]:
    """The processes below this one that were started with a variable, all found before the first one ends."""
    return iter([process for process in _below(os.getpid()) if variable in _read(process, "environ").split(b"\0")])


def _below(process: int) -> Iterator[int]:
    for child in _children(process):
        yield child
        yield from _below(child)


def _children(process: int) -> Iterator[int]:
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, children.read_text().split())


def _read(process: int, file: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/{file}").read_bytes()
    return b""

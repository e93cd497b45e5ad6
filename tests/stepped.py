"""Tables that report each step of a process, and a child process that a signal stops at one of them.

A step is the moment before or after a change to a table, the table's creation included; steps are counted over all
tables of the process. `python -m tests.stepped JOB` (JSON, see `main`) runs the main job, and ends or stands still at
the chosen step, without warning, by a signal to itself. If it lives on, it says how it ended, which steps it took and
how much memory it used.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import ingest
from stripe_raw_rs.tables import open_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stripe_raw_rs._core import Schema
    from stripe_raw_rs.tables import Commit, Table, Tables


class SteppedTables:
    """The tables of another place, with a call before and after each change to them."""

    def __init__(self, inner: Tables, step: Callable[[str], None]) -> None:
        self._inner = inner
        self._step = step
        self.location = inner.location

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def table(self, name: str) -> SteppedTable:
        return SteppedTable(self._inner.table(name), self._step)


class SteppedTable:
    """One of them."""

    def __init__(self, inner: Table, step: Callable[[str], None]) -> None:
        self._inner = inner
        self._step = step
        self.name = inner.name
        self.location = inner.location

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create(self, schema: Schema, properties: Mapping[str, str], description: str) -> None:
        self._step(f"before create {self.name}")
        self._inner.create(schema, properties, description)
        self._step(f"after create {self.name}")

    def add_columns(self, schema: Schema) -> None:
        self._step(f"before add columns {self.name}")
        self._inner.add_columns(schema)
        self._step(f"after add columns {self.name}")

    def set_properties(self, properties: Mapping[str, str]) -> None:
        self._step(f"before set properties {self.name}")
        self._inner.set_properties(properties)
        self._step(f"after set properties {self.name}")

    def append(self, commit: Commit) -> None:
        self._step(f"before append {self.name}")
        self._inner.append(commit)
        self._step(f"after append {self.name}")


def main(job: dict[str, Any]) -> int:
    """Run a job: `place` of the tables, `step` (0: none), `delay`, `signal`, and `options` of `ingest`.

    A step is its number, or its name, which means the first one of that name.
    """
    steps: list[str] = []

    def step(what: str) -> None:
        steps.append(what)
        if job["step"] == len(steps) or (job["step"] == what and steps.count(what) == 1):
            number = signal.Signals[job["signal"]]
            if job["delay"]:
                # The signal comes in the middle of the next step.
                threading.Timer(job["delay"], os.kill, (os.getpid(), number)).start()
                return
            # The signal goes to this thread: with one to the process, this thread could go on for a moment.
            signal.pthread_kill(threading.get_ident(), number)

    report = ingest(tables=SteppedTables(open_tables(job["place"]), step), **job["options"])
    said = [result.message for result in report.entities if result.message]
    json.dump({"said": said, "steps": steps, "peak_kib": peak_kib()}, sys.stdout)
    sys.stdout.flush()
    return report.exit_code


def peak_kib() -> int:
    """The most memory this process had in use. The number of `getrusage` would begin with the memory of the parent."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))

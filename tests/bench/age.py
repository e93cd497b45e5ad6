"""The cost of a run as the lake gets older.

    uv run python tests/bench/age.py [AGE...]

A lake is aged to each age (2, 100, 1,000 and 10,000 runs if none is named): the first ten runs are real, the others are
written as copies of a last one without news (`tests/aged.py`). At each age it measures ten runs of five lists without
news, and ten with 25 new objects in each list: CPU and wall time with start-up, and the commits that a run makes. It
prints the means, the ratios to the first age, the active files, and the entries of the logs since their checkpoints.
Linux only.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import logging
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from deltalake import DeltaTable

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.aged import CHECKPOINTS, write_runs
from tests.bench.costs import Process, run
from tests.bench.programs import KEY, say

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.table_size import sizes
from stripe_raw_rs.tables import open_tables

if TYPE_CHECKING:
    from collections.abc import Callable

AGES = (2, 100, 1_000, 10_000)
REAL = 10
LISTS = ("balance_transactions", "charges", "invoices", "payment_intents", "refunds")
# Each fifth run writes small files together, at any age.
OBJECTS, NEW, ROUNDS = 400, 25, 10


@dataclass(frozen=True)
class Tables:
    """The state of a lake's tables."""

    commits: dict[str, int]
    files: dict[str, int]
    log_entries: int

    @staticmethod
    def of(lake: Path) -> Tables:
        tables = {folder.name: DeltaTable(folder) for folder in lake.iterdir() if (folder / "_delta_log").is_dir()}
        return Tables(
            {name: table.version() for name, table in tables.items()},
            {name: len(table.file_uris()) for name, table in tables.items()},
            sum(size.log_entries or 0 for size in sizes(open_tables({"lake": lake}))),
        )

    def since(self, before: Tables) -> tuple[int, int]:
        """Commits to the checkpoint table, and to the raw tables."""
        made = {name: version - before.commits[name] for name, version in self.commits.items()}
        return made[CHECKPOINTS], sum(made.values()) - made[CHECKPOINTS]


def main(arguments: list[str]) -> None:
    ages = [int(age) for age in arguments] or list(AGES)
    say("| runs before | run | CPU s | ÷ first | wall s | ÷ first | checkpoint and raw commits | files | log entries |")
    say("|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    first: dict[str, Process] = {}
    # Without a lookback a run warns.
    logging.getLogger("stripe_raw_rs").setLevel(logging.ERROR)
    # The first process of all reads the program from the disk.
    run([sys.executable, "-m", "stripe_raw_rs", "entities"])
    with StripeSimulator(counts=dict.fromkeys(LISTS, OBJECTS)) as stripe, tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        aged = 0
        for age in ages:
            aged += grow(lake, stripe.url, aged, age)
            for kind, prepare in (("without news", lambda: None), (f"{NEW} new objects a list", lambda: add(stripe))):
                process, commits = measured(lake, stripe.url, prepare)
                aged += ROUNDS
                base = first.setdefault(kind, process)
                tables = Tables.of(lake)
                cells = (
                    f"{age:,}",
                    kind,
                    f"{process.cpu_seconds:.2f}",
                    f"{process.cpu_seconds / base.cpu_seconds:.2f}",
                    f"{process.seconds:.2f}",
                    f"{process.seconds / base.seconds:.2f}",
                    f"{commits[0]} and {commits[1]}",
                    f"{tables.files[CHECKPOINTS]:,} and {sum(tables.files.values()) - tables.files[CHECKPOINTS]:,}",
                    f"{tables.log_entries:,}",
                )
                say(f"| {' | '.join(cells)} |")


def grow(lake: Path, url: str, aged: int, age: int) -> int:
    """Let the lake have so many runs; the number of runs that it has got for that."""

    def go() -> None:
        # It begins at the newest object, so that it lands next to nothing again.
        ingest(lake=lake, api_key=KEY, api_base_url=url, lookback_seconds=0).raise_for_status()

    real = max(0, min(age, max(aged, REAL) + 1) - aged)
    for _ in range(real):
        go()
    copies = age - aged - real - 1
    if copies > 0:
        write_runs(lake, copies)
        # A real run keeps the lake in order: none that is measured has to do it for the copies.
        go()
    return max(0, age - aged)


def add(stripe: StripeSimulator) -> None:
    for name in LISTS:
        stripe.add(name, NEW)


def measured(lake: Path, url: str, prepare: Callable[[], None]) -> tuple[Process, tuple[int, int]]:
    """The means of some runs, and the commits of the last one."""
    processes = []
    before = Tables.of(lake)
    for _ in range(ROUNDS):
        prepare()
        before = Tables.of(lake)
        # Else the objects that were added for one age would be in the lookback of all later ones.
        options = ("--lake", str(lake), "--api-base-url", url, "--lookback-seconds", "0", "--output", "json")
        processes.append(run([sys.executable, "-m", "stripe_raw_rs", "run", *options]))
    middle = Process(
        began=0.0,
        seconds=mean(process.seconds for process in processes),
        cpu_seconds=mean(process.cpu_seconds for process in processes),
        peak_bytes=max(process.peak_bytes for process in processes),
        said="",
    )
    return middle, Tables.of(lake).since(before)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Stripe into tables, from the first request to the last byte written, beside a plain loop over Stripe's own library.

    uv run --group bench python tests/bench/end_to_end.py

Ours is `stripe-raw run` into Delta tables. The other writes what it is sent into Parquet files, with a hash, and keeps
no progress. Both read the same simulated account, which is a process of its own and answers as fast as it can; they
take turns, and the medians are printed as Markdown. CPU time is that of all threads of a process, user and system;
start-up counts for ours and not for the other. Linux only: times and memory are read as Linux counts them.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "rk_test_bench"
ROUNDS = 3
BATCH = 10_000
SHARES = {"balance_transactions": 30, "charges": 25, "invoices": 15, "payment_intents": 25, "refunds": 5}
# What is read: each entity with its share of the objects, in percent.
ACCOUNTS = {"five lists": SHARES, "charges only": {"charges": 100}}
# Enough for each to run for seconds.
OURS, THEIRS = 200_000, 20_000


@dataclass(frozen=True)
class Cost:
    """What one process took for some objects."""

    objects: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def objects_per_cpu_second(self) -> float:
        return self.objects / self.cpu_seconds


def main(arguments: list[str]) -> None:
    match arguments:
        case ["simulate", counts]:
            simulate(json.loads(counts))
        case ["theirs", url, folder, *entities]:
            plain_loop(url, Path(folder), entities)
        case _:
            compare()


def simulate(counts: dict[str, int]) -> None:
    """Serve an account until whoever started this is gone."""
    from stripe_raw_rs.simulator import StripeSimulator  # noqa: PLC0415 - not in the process that compares

    with StripeSimulator(objects=0, counts=counts) as stripe:
        say(stripe.url)
        sys.stdin.read()


def plain_loop(url: str, folder: Path, entities: list[str]) -> None:
    """Write the lists to Parquet files, one after the other, object by object."""
    import pyarrow as pa  # noqa: PLC0415 - not in the process that compares
    import pyarrow.parquet as pq  # noqa: PLC0415
    import stripe  # noqa: PLC0415

    schema = pa.schema([("id", pa.string()), ("sha256", pa.string()), ("json", pa.string())])
    client = stripe.StripeClient(KEY, base_addresses={"api": url})
    say(str(time.process_time()))
    for entity in entities:
        with pq.ParquetWriter(folder / f"{entity}.parquet", schema, compression="zstd") as writer:
            batch = []
            for item in getattr(client.v1, entity).list({"limit": 100}).auto_paging_iter():
                text = json.dumps(item.to_dict(), default=str)
                sha256 = hashlib.sha256(text.encode()).hexdigest()
                batch.append({"id": item.id, "sha256": sha256, "json": text})
                if len(batch) == BATCH:
                    writer.write_table(pa.Table.from_pylist(batch, schema))
                    batch.clear()
            writer.write_table(pa.Table.from_pylist(batch, schema))


def compare() -> None:
    say(machine() + "\n")
    say("| account | program | objects | objects/s | CPU s per million | peak memory | objects per CPU s | ratio |")
    say("|---|---|--:|--:|--:|--:|--:|--:|")
    for account, shares in ACCOUNTS.items():
        counts = [{name: total * share // 100 for name, share in shares.items()} for total in (OURS, THEIRS)]
        with simulator(counts[0]) as large, simulator(counts[1]) as small:
            pairs = [(ours(large, counts[0]), theirs(small, counts[1])) for _ in range(ROUNDS)]
        ratio = median(one.objects_per_cpu_second / other.objects_per_cpu_second for one, other in pairs)
        row(account, "stripe-raw", [one for one, _ in pairs], f"{ratio:.1f}")
        row(account, "stripe-python", [other for _, other in pairs], "1")


def ours(url: str, counts: dict[str, int]) -> Cost:
    with tempfile.TemporaryDirectory() as lake:
        options = ["--lake", lake, "--api-base-url", url, "--entities", ",".join(counts), "--log-format", "json"]
        cost, said = measured([sys.executable, "-m", "stripe_raw_rs", "run", *options], sum(counts.values()))
    rows = sum(entity["rows"] for entity in json.loads(said)["entities"])
    if rows != cost.objects:
        message = f"{rows} of {cost.objects} objects were landed"
        raise RuntimeError(message)
    return cost


def theirs(url: str, counts: dict[str, int]) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "theirs", url, folder, *counts]
        cost, said = measured(command, sum(counts.values()))
    startup = float(said)
    return Cost(cost.objects, cost.seconds - startup, cost.cpu_seconds - startup, cost.peak_bytes)


def measured(command: list[str], objects: int) -> tuple[Cost, str]:
    """Run a program to its end; what it took, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complaints:
        began = time.monotonic()
        process = subprocess.Popen(command, env={**environment, "STRIPE_API_KEY": KEY}, stdout=said, stderr=complaints)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complaints.seek(0)
        if process.returncode != 0:
            raise RuntimeError(complaints.read())
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Cost(objects, seconds, cpu_seconds, usage.ru_maxrss * 1024), said.read()


@contextmanager
def simulator(counts: dict[str, int]) -> Iterator[str]:
    """A simulator in a process of its own: its address."""
    command = [sys.executable, __file__, "simulate", json.dumps(counts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def row(account: str, program: str, costs: list[Cost], ratio: str) -> None:
    cells = (
        account,
        program,
        f"{costs[0].objects:,}",
        f"{median(cost.objects / cost.seconds for cost in costs):,.0f}",
        f"{median(cost.cpu_seconds / cost.objects for cost in costs) * 1e6:,.0f}",
        f"{median(cost.peak_bytes for cost in costs) / 1e6:,.0f} MB",
        f"{median(cost.objects_per_cpu_second for cost in costs):,.0f}",
        ratio,
    )
    say(f"| {' | '.join(cells)} |")


def machine() -> str:
    models = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    cores = len(os.sched_getaffinity(0))
    names = ("stripe-raw-rs", "deltalake", "stripe", "pyarrow")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    python = platform.python_version()
    day = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    return f"{day}, {cores} cores of {models[0] if models else platform.machine()}, Python {python}, {versions}"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

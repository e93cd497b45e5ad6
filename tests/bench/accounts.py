"""Many accounts in one call: CPU, wall time, memory and commits, and the rate that is held.

`just bench-accounts`. The simulator is in the process; each number of accounts has a process of its own. Linux only.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from stripe_raw_rs.cli.memory import return_freed_memory

return_freed_memory()

from tests.conftest import DEFAULT, KEY  # noqa: E402 - the setting comes before delta-rs is loaded
from tests.places import commits  # noqa: E402

from stripe_raw_rs import ingest  # noqa: E402
from stripe_raw_rs.simulator import StripeSimulator  # noqa: E402

_NUMBERS = (1_000, 2_000)
_OBJECTS = 100
_RATE = 75


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cost(number: int) -> dict[str, Any]:
    """Land the charges of so many accounts, and once more without news."""
    counts = {"charges": _OBJECTS}
    with (
        tempfile.TemporaryDirectory() as folder,
        StripeSimulator(counts={"charges": 0}, connected_accounts=number, account_counts=counts) as stripe,
    ):
        lake, found = Path(folder, "lake"), []
        for _ in range(2):
            before, cpu, began = commits(lake), cpu_seconds(), time.monotonic()
            report = ingest(
                lake=lake, entities="charges", accounts=stripe.accounts(), api_key=KEY, api_base_url=stripe.url
            )
            report.raise_for_status()
            made = {name: count - before.get(name, 0) for name, count in commits(lake).items()}
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            found.append((cpu_seconds() - cpu, time.monotonic() - began, peak, max(made.values())))
            (charges,) = report.entities
            assert charges.accounts.complete == number
        assert stripe.requests >= 2 * number
    first, second = found
    return {"accounts": number, "first": first, "second": second}


def rate(number: int) -> float:
    """Say which share of the allowed rate five lists of so many accounts use."""
    counts = dict.fromkeys(DEFAULT, 20)
    with (
        tempfile.TemporaryDirectory() as folder,
        StripeSimulator(counts=dict.fromkeys(DEFAULT, 0), connected_accounts=number, account_counts=counts) as stripe,
    ):
        options: dict[str, Any] = {"max_requests_per_second": _RATE, "max_requests_per_second_per_endpoint": 20}
        began, before = time.monotonic(), stripe.requests
        report = ingest(
            lake=Path(folder, "lake"), accounts=stripe.accounts(), api_key=KEY, api_base_url=stripe.url, **options
        )
        report.raise_for_status()
        return (stripe.requests - before) / (_RATE * (time.monotonic() - began))


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(cost(int(sys.argv[1]))))  # noqa: T201 - for the process that began this one
        return
    found = []
    for number in _NUMBERS:
        command = [sys.executable, "-m", "tests.bench.accounts", str(number)]
        found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    for each in found:
        for name in ("first", "second"):
            cpu, wall, peak, most = each[name]
            print(  # noqa: T201 - what was measured
                f"{each['accounts']:,} accounts of {_OBJECTS} charges, {name} run: "
                f"{cpu:.1f} CPU s, {wall:.1f} s, {peak:.0f} MB, {most} commits to a table at most"
            )
    ratio = found[1]["first"][0] / found[0]["first"][0]
    print(f"twice the accounts: {ratio:.2f} x the CPU time")  # noqa: T201
    print(f"five lists of 1,000 accounts at {_RATE} requests/s: {rate(1_000):.1%} of the rate")  # noqa: T201


if __name__ == "__main__":
    main()

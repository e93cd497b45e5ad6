"""Stripe into tables, from the first request to the last byte written, beside other programs that do it.

    uv run --group bench python tests/bench/end_to_end.py [--quick]

Ours is `stripe-raw run` into Delta tables, as it is and with one request at a time. Beside it are a plain loop over
Stripe's own library, which writes Parquet files with a hash and keeps no progress, and dlt's source for REST APIs,
which writes Delta tables. All read simulated accounts: once as far away and as limited as Stripe is, once as near and
as fast as can be. They take turns, and their costs are printed as Markdown; `--quick` reads a twentieth, once.
Start-up counts for ours and not for the others. Linux only: times and memory are read as Linux counts them.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import os
import platform
import re
import sys
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.costs import Account, Cost, ours, theirs
from tests.bench.programs import say

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
QUICK = 20
LISTS = ("balance_transactions", "charges", "invoices", "payment_intents", "refunds")

# Requests a second over all lists and to each, as Stripe allows a live account, and how far away it is.
OVERALL, EACH = 100, 25
STRIPE = {"rate_limit": OVERALL, "endpoint_rate_limit": EACH, "latency_ms": 120}
LIMITS = ("--max-requests-per-second", str(OVERALL), "--max-requests-per-second-per-endpoint", str(EACH))
ONE_AT_A_TIME = ("--max-concurrent-requests", "1")
# The long one takes more than a minute: once is enough.
LIMITED = ((Account(LISTS, 20_000), ROUNDS), (Account(("charges",), 200_000), 1))
# The slow programs read this part, so that they end.
TENTH = 10

# Enough for each to run for seconds.
UNLIMITED = (Account(LISTS, 200_000), Account(("charges",), 1_000_000))
FIFTIETH = 50

# The program that the others are compared with.
PLAIN = "stripe-python"


def main(arguments: list[str]) -> None:
    if arguments not in ([], ["--quick"]):
        sys.exit(__doc__)
    divisor, rounds = (QUICK, 1) if arguments else (1, ROUNDS)
    say(machine())
    say("\nAt Stripe's limits\n")
    at_the_limits([(account.part(divisor), min(times, rounds)) for account, times in LIMITED])
    say("\nAs fast as it can\n")
    as_fast_as_it_can([account.part(divisor) for account in UNLIMITED], rounds)


def at_the_limits(accounts: list[tuple[Account, int]]) -> None:
    heading("account | program", "objects | seconds | ÷ ideal | requests | extra requests | 429s")
    for whole, rounds in accounts:
        tenth = whole.part(TENTH)
        programs: dict[str, Callable[[], Cost]] = {
            "stripe-raw": partial(ours, whole, STRIPE, *LIMITS),
            "stripe-raw, one request at a time": partial(ours, tenth, STRIPE, *LIMITS, *ONE_AT_A_TIME),
            PLAIN: partial(theirs, PLAIN, tenth, STRIPE),
            "dlt": partial(theirs, "dlt", tenth, STRIPE),
        }
        for program, costs in take_turns(programs, rounds).items():
            read = costs[0].account
            seconds = median(cost.seconds for cost in costs)
            requests = round(median(cost.requests for cost in costs))
            row(
                str(whole),
                program,
                f"{read.objects:,}" + ("" if read == whole else " (a tenth)"),
                f"{seconds:,.1f}",
                f"{seconds / ideal_seconds(read):.2f}",
                f"{requests:,}",
                f"{(requests - read.pages) / read.pages:.1%}",
                f"{max(cost.refused for cost in costs):,}",
            )


def ideal_seconds(account: Account) -> float:
    """The seconds that the limits alone take."""
    return max(account.pages_per_list / EACH, account.pages / OVERALL)


def as_fast_as_it_can(accounts: list[Account], rounds: int) -> None:
    figures = "objects | objects/s | CPU s per million | peak memory | objects per CPU s | ratio"
    heading("account | program", figures)
    for whole in accounts:
        part = whole.part(FIFTIETH)
        programs: dict[str, Callable[[], Cost]] = {
            "stripe-raw": partial(ours, whole, {}),
            "stripe-raw, one request at a time": partial(ours, whole, {}, *ONE_AT_A_TIME),
            PLAIN: partial(theirs, PLAIN, part, {}),
            "dlt": partial(theirs, "dlt", part, {}),
        }
        costs_of = take_turns(programs, rounds)
        for program, costs in costs_of.items():
            pairs = zip(costs, costs_of[PLAIN], strict=True)
            ratios = [cost.objects_per_cpu_second / plain.objects_per_cpu_second for cost, plain in pairs]
            row(
                str(whole),
                program,
                f"{costs[0].account.objects:,}",
                f"{median(cost.account.objects / cost.seconds for cost in costs):,.0f}",
                f"{median(1e6 / cost.objects_per_cpu_second for cost in costs):,.0f}",
                f"{median(cost.peak_bytes for cost in costs) / 1e6:,.0f} MB",
                f"{median(cost.objects_per_cpu_second for cost in costs):,.0f}",
                "1" if program == PLAIN else f"{median(ratios):.1f}",
            )


def take_turns(programs: dict[str, Callable[[], Cost]], rounds: int) -> dict[str, list[Cost]]:
    """The costs of each program, in rounds of all of them, so that a slow minute of the machine falls on all alike."""
    turns = [{program: land() for program, land in programs.items()} for _ in range(rounds)]
    return {program: [turn[program] for turn in turns] for program in programs}


def heading(words: str, figures: str) -> None:
    say(f"| {words} | {figures} |")
    say("|" + "---|" * len(words.split("|")) + "--:|" * len(figures.split("|")))


def row(*cells: str) -> None:
    say(f"| {' | '.join(cells)} |")


def machine() -> str:
    models = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    cores = len(os.sched_getaffinity(0))
    names = ("stripe-raw-rs", "deltalake", "stripe", "dlt", "pyarrow")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    python = platform.python_version()
    day = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    return f"{day}, {cores} cores of {models[0] if models else platform.machine()}, Python {python}, {versions}"


if __name__ == "__main__":
    main(sys.argv[1:])

"""The cost for a program to land an account: the program and the account are processes of their own.

CPU time is that of all threads of a process, user and system. Linux only: times and memory are read as Linux counts
them.
"""
# ruff: noqa: INP001 - part of a program, in no package

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.programs import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROGRAMS = str(Path(__file__).with_name("programs.py"))


@dataclass(frozen=True)
class Account:
    """Lists of one length each."""

    lists: tuple[str, ...]
    length: int

    def part(self, divisor: int) -> Account:
        """An account with that part of the objects."""
        return replace(self, length=self.length // divisor)

    @property
    def objects(self) -> int:
        return len(self.lists) * self.length

    @property
    def pages_per_list(self) -> int:
        return -(-self.length // 100)

    @property
    def pages(self) -> int:
        return len(self.lists) * self.pages_per_list

    def __str__(self) -> str:
        lists = {1: "one list", 5: "five lists"}
        return f"{lists[len(self.lists)]} of {self.length:,}"


@dataclass(frozen=True)
class Cost:
    """The time, memory and requests that a program took to land an account."""

    account: Account
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    requests: int
    refused: int

    @property
    def objects_per_cpu_second(self) -> float:
        return self.account.objects / self.cpu_seconds


@dataclass
class Traffic:
    """The requests that a simulator received, known when it has ended."""

    url: str
    requests: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Process:
    """A process that has ended."""

    began: float
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    said: str = field(repr=False)


def ours(account: Account, limits: Mapping[str, Any], *options: str) -> Cost:
    """Land the account with `stripe-raw run`; its start-up counts."""
    with tempfile.TemporaryDirectory() as lake, simulator(account, limits) as traffic:
        place = ("--lake", lake, "--api-base-url", traffic.url)
        command = ["-m", "stripe_raw_rs", "run", *place, "--entities", ",".join(account.lists), "--output", "json"]
        process = run([sys.executable, *command, *options])
    check(account, sum(entity["rows"] for entity in json.loads(process.said)["entities"]))
    took = (process.seconds, process.cpu_seconds, process.peak_bytes)
    return Cost(account, *took, traffic.requests, traffic.refused)


def theirs(program: str, account: Account, limits: Mapping[str, Any]) -> Cost:
    """Land the account with one of the other programs; its imports do not count."""
    with tempfile.TemporaryDirectory() as folder, simulator(account, limits) as traffic:
        process = run([sys.executable, PROGRAMS, program, traffic.url, folder, *account.lists])
    start_up, landed = process.said.splitlines()
    check(account, int(landed))
    ready = json.loads(start_up)
    seconds = process.began + process.seconds - ready["ready_at"]
    cpu_seconds = process.cpu_seconds - ready["cpu_seconds"]
    return Cost(account, seconds, cpu_seconds, process.peak_bytes, traffic.requests, traffic.refused)


def check(account: Account, landed: int) -> None:
    if landed != account.objects:
        message = f"{landed} of {account.objects} objects were landed"
        raise RuntimeError(message)


def run(command: list[str]) -> Process:
    """Run a program to its end. Answers its time, memory and output."""
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
        return Process(began, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, said.read())


@contextmanager
def simulator(account: Account, limits: Mapping[str, Any]) -> Iterator[Traffic]:
    """A simulator of that account for one program, so that nothing of its limits is used up."""
    settings = json.dumps({"counts": dict.fromkeys(account.lists, account.length), **limits})
    command = [sys.executable, PROGRAMS, "simulate", settings]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        traffic = Traffic(process.stdout.readline().strip())
        yield traffic
        process.stdin.close()
        counted = json.loads(process.stdout.readline())
        traffic.requests, traffic.refused = counted["requests"], counted["refused"]

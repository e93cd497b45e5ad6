"""When a run is over, the key is in no memory of the process: neither where it was read nor what sent it (Linux)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.children import wait_for
from tests.conftest import KEY

PROGRAM = """
import gc, sys
from stripe_raw_rs import ingest
_, lake, url, file = sys.argv
report = ingest(lake=lake, api_base_url=url, entities="charges", api_key_file=file, page_size=10)
gc.collect()
print("exit code", report.exit_code, flush=True)
sys.stdin.read()
"""
# Of a map of memory: its addresses and who may read it.
MAP = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r")


def copies(process: int, text: bytes) -> int:
    """How often a text is in the memory of a process."""
    found = 0
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            if place := MAP.match(line):
                begin, end = (int(address, 16) for address in place.groups())
                # Some of the kernel's own cannot be read.
                with suppress(OSError, ValueError):
                    memory.seek(begin)
                    found += memory.read(end - begin).count(text)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read as Linux shows it")
def test_the_key_is_in_no_memory_once_a_run_is_over(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    environment = {name: value for name, value in os.environ.items() if KEY not in value}
    with StripeSimulator(counts={"charges": 1_000}, latency_ms=50) as stripe:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "lake"), stripe.url, str(file)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as child:
            assert child.stdout is not None
            wait_for(lambda: stripe.requests > 10)
            assert copies(child.pid, KEY.encode()) > 0, "while it runs it is there"
            assert child.stdout.readline() == "exit code 0\n"
            # Connections end a moment after the run.
            wait_for(lambda: copies(child.pid, KEY.encode()) == 0)
            child.communicate("")

"""The rate of `read` beside that of `ingest`: 200,000 charges of a simulator in a process of its own.

uv run python tests/bench/read.py [OBJECTS]
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.programs import KEY, say

from stripe_raw_rs import ingest, read

SERVE = """
import sys
from stripe_raw_rs.simulator import StripeSimulator
with StripeSimulator(counts={"charges": int(sys.argv[1]), "events": 0}) as stripe:
    print(stripe.url, flush=True)
    sys.stdin.read()
"""

if __name__ == "__main__":
    objects = sys.argv[1] if len(sys.argv) > 1 else "200000"
    command = [sys.executable, "-c", SERVE, objects]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().strip() if server.stdout else ""
        began = time.monotonic()
        rows = sum(len(batch) for batch in read("charges", api_key=KEY, api_base_url=url))
        reading = rows / (time.monotonic() - began)
        with tempfile.TemporaryDirectory() as lake:
            began = time.monotonic()
            ingest(lake=lake, api_key=KEY, api_base_url=url, entities="charges").raise_for_status()
        landing = rows / (time.monotonic() - began)
        server.communicate("")
    say(f"{rows:,} rows: read {reading:,.0f} a second, ingest {landing:,.0f}; ratio {reading / landing:.2f}")

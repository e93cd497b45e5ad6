"""Spark is a child process: it does not inherit the key, in whichever way its session is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

# Spark Connect has no child process.
pytestmark = [pytest.mark.spark, pytest.mark.spark35, pytest.mark.spark40, pytest.mark.spark41]

PROGRAM = """
import json, os, sys
from contextlib import suppress
from pathlib import Path
from stripe_raw_rs import UsageError, ingest, main

_, url, schema = sys.argv

def below(process):
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield Path("/proc", child)
            yield from below(child)

try:
    CALL
except UsageError as error:
    assert "holds no tables of stripe-raw" in str(error), error
variables = {}
for child in below(os.getpid()):
    # Spark calls programs that end at once.
    with suppress(OSError):
        variables[child.joinpath("comm").read_text().strip()] = child.joinpath("environ").read_text()
sys.stdout = sys.__stdout__
print(json.dumps({"variables": variables, "own": os.environ["STRIPE_API_KEY"]}))
"""


@pytest.mark.parametrize(
    "call",
    [
        'main(["status", "--catalog=spark_catalog", f"--schema={schema}"])',
        'main(["verify", "--catalog=spark_catalog", f"--schema={schema}"])',
        'ingest(catalog="spark_catalog", schema=schema, api_base_url=url, entities="refunds").raise_for_status()',
    ],
)
def test_the_virtual_machine_of_spark_does_not_inherit_the_key(call: str, lake: Path, stripe: StripeSimulator) -> None:
    environment = {**os.environ, "STRIPE_API_KEY": KEY}
    command = [sys.executable, "-c", PROGRAM.replace("CALL", call), stripe.url, lake.stem]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])
    assert "java" in printed["variables"]
    for name, variables in printed["variables"].items():
        assert "SPARK_CONF_DIR" in variables, "this is what it inherited"
        assert "STRIPE_API_KEY" not in variables, name
    assert printed["own"] == KEY, "the caller finds it where it was"


def test_the_traceback_of_a_session_that_cannot_be_made_does_not_hold_the_key() -> None:
    """The environment with which pyspark starts the virtual machine is one of its variables."""
    program = """
from contextlib import suppress
from stripe_raw_rs import UsageError, ingest
try:
    ingest(catalog="spark_catalog", schema="raw", api_base_url="http://127.0.0.1:9")
except UsageError as error:
    print(error)
    while error is not None:
        trace, error = error.__traceback__, error.__cause__
        while trace is not None:
            for value in list(trace.tb_frame.f_locals.values()):
                # A half-made object cannot be shown.
                with suppress(AttributeError):
                    print(repr(value))
            trace = trace.tb_next
"""
    environment = {**os.environ, "JAVA_HOME": "/nowhere", "STRIPE_API_KEY": KEY}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("no Spark session"), done.stderr
    assert "'JAVA_HOME': '/nowhere'" in done.stdout, "the environment is among the variables"
    assert KEY not in done.stdout

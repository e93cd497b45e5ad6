"""The key of the format `stripe` is seen nowhere: not in Spark's UI, event log and plans, not in logs and errors."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.spark.lanes import LANES
from tests.test_canary import assert_absent, assert_absent_below

if TYPE_CHECKING:
    from pathlib import Path

# It takes a minute and more, as the tests that end processes do.
pytestmark = [pytest.mark.spark40, pytest.mark.spark41, pytest.mark.kill]

# An option is seen: so the places are looked for in the right way.
WITNESS = "2020-01-01T00:00:07"

SERVER = """
import json, os, re, subprocess, sys, urllib.request
from urllib.parse import urljoin
from pyspark.sql import SparkSession

mode, ui, port, *given = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
remote = {} if mode == "classic" else {"SPARK_REMOTE": f"sc://localhost:{port}"}
if remote:
    subprocess.run([sys.executable, "-c", os.environ["CLIENT"], mode, *given], env={**os.environ, **remote}, check=True)
else:
    exec(os.environ["CLIENT"])

application = f"{ui}/api/v1/applications/{spark.sparkContext.applicationId}"
waiting = [f"{ui}/jobs/", f"{application}/environment", f"{application}/jobs", f"{application}/sql?details=true"]
pages = {}
while waiting and len(pages) < 150:
    page = waiting.pop(0)
    with urllib.request.urlopen(page) as answer:
        pages[page] = answer.read().decode()
    links = (urljoin(page, found.replace("&amp;", "&")) for found in re.findall(r'href="([^"#]+)"', pages[page]))
    waiting += [link for link in dict.fromkeys(links) if link.startswith(ui) and link not in {*pages, *waiting}
                and not re.search("static|Dump|kill|flame|heap|[.]sort=|timeline", link)]
if mode == "connect":
    spark.stop()
else:
    stopped(spark)
sys.stdout = sys.__stdout__
print(json.dumps(pages))
"""

CLIENT = """
import logging, sys, traceback
from contextlib import suppress
from pyspark.sql import SparkSession
from stripe_raw_rs import UsageError, register_stripe

mode, key, url, witness = sys.argv[-4:]
sys.stdout = sys.stderr
logging.basicConfig(level="DEBUG")
session = SparkSession.builder.getOrCreate()
options = {"api_key_file": key, "api_base_url": url, "max_retries": 0}
register_stripe(session, **options)

def frame(entity="charges"):
    return session.read.format("stripe").options(entity=entity, created_gte=witness).load()

def stopped(session):
    session.stop()
    try:
        register_stripe(session, **options)
    except UsageError as error:
        assert str(error).startswith("the format stripe cannot be registered: "), error
        assert error.__context__ is None
        trace = error.__traceback__
        while trace is not None:
            for value in trace.tb_frame.f_locals.values():
                print(repr(value)[:100_000])
            trace = trace.tb_next
    else:
        raise AssertionError("it was registered")

frame().explain(True)
assert frame().count() == 120
frame().createOrReplaceTempView("charges")
assert session.sql("SELECT count(DISTINCT _stripe_id) FROM charges").collect()[0][0] == 120
session.sql(f"CREATE TEMPORARY VIEW more USING stripe OPTIONS (entity 'charges', created_gte '{witness}')")
assert session.sql("SELECT * FROM more").count() == 120
for broken in (lambda: frame("refunds").collect(), lambda: frame("nothing").count()):
    try:
        broken()
    except Exception as error:
        print("refused:", error)
        traceback.print_exception(error)
    else:
        raise AssertionError("it was answered")
if mode == "connect":
    stopped(session)
"""


@pytest.mark.parametrize("mode", ["classic", "connect"])
def test_the_key_is_seen_nowhere(mode: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lane = LANES[request.config.getoption("lane")]
    (tmp_path / "events").mkdir()
    (tmp_path / "key").write_text(KEY)
    ui, port = free_ports(2)
    settings = {
        "spark.ui.enabled": "true",
        "spark.ui.port": str(ui),
        "spark.log.level": "INFO",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": str(tmp_path / "events"),
        "spark.eventLog.compress": "false",
        "spark.local.dir": str(tmp_path / "local"),
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin" if mode == "connect" else "",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    environment = {
        **os.environ,
        **lane.environment(tmp_path / "settings", tmp_path / "warehouse", settings),
        "CLIENT": CLIENT,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONNECT_LOG_LEVEL": "debug",
    }
    with StripeSimulator(counts={"charges": 120}, denied=["refunds"]) as stripe:
        given = (str(tmp_path / "key"), stripe.url, WITNESS)
        command = [sys.executable, "-c", SERVER, mode, f"http://127.0.0.1:{ui}", str(port), mode, *given]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert "PermissionMissingError: refunds: " in done.stderr
    assert "unknown entity 'nothing'" in done.stderr
    assert_absent(done.stderr, "the log")
    assert_absent(done.stdout, "the pages of the UI")
    pages = json.loads(done.stdout.splitlines()[-1])
    seen = {page.partition("?")[0].rpartition(":")[2].partition("/")[2].strip("/") for page in pages}
    assert {"jobs", "SQL", "SQL/execution", "environment", "executors", "stages/stage"} <= seen
    assert ("connect" in seen) == (mode == "connect")
    (tmp_path / "key").unlink()
    assert_absent_below(tmp_path)
    events = "".join(file.read_text() for file in (tmp_path / "events").rglob("*") if file.is_file())
    assert WITNESS in events
    assert WITNESS in done.stdout
    assert "SparkListenerApplicationEnd" in events


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports

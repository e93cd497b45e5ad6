"""The places where Spark shows what it was given: pages of its UI, its REST API, its event log, and logs.

A client does its work on a Spark of its own, or behind a Connect server of its own, and everything is kept that can be
seen of it. The client is a program: it defines `stopped(session)`, which ends a classic session.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.documents import ROOT
from tests.spark.own_spark import run
from tests.test_canary import assert_absent, assert_absent_below

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES = ("classic", "connect")
# The setting `spark.log.level` does not bring what the virtual machine logs at INFO.
_LOG = Path(__file__).parent / "log4j2_info.properties"

_SERVER = """
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
while waiting and len(pages) < 400:
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


class Seen(NamedTuple):
    """What was to be seen of a client: its log with Spark's, the pages by their address, and the event log."""

    log: str
    pages: str
    events: str


def watch(  # noqa: PLR0913 - a place, a program and its arguments
    lane: str, mode: str, folder: Path, client: str, key: str, *given: str, settings: Mapping[str, str] | None = None
) -> Seen:
    """Let a client work, and look for the key everywhere. It gets the mode, a file with the key, and `given`."""
    (folder / "events").mkdir()
    (folder / "key").write_text(key)
    ui, port = _free_ports(2)
    of_spark = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "true",
        "spark.ui.port": str(ui),
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOG}",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": str(folder / "events"),
        "spark.eventLog.compress": "false",
        "spark.local.dir": str(folder / "local"),
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin" if mode == "connect" else "",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        **(settings or {}),
    }
    environment = {"CLIENT": client, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONNECT_LOG_LEVEL": "debug"}
    arguments = (mode, f"http://127.0.0.1:{ui}", str(port), mode, str(folder / "key"), *given)
    path = str(ROOT / "python")
    done = run(lane, folder, _SERVER, *arguments, path=path, settings=of_spark, environment=environment)
    assert done.returncode == 0, done.stderr[-5000:]
    assert "INFO DAGScheduler: " in done.stderr
    assert "DEBUG:" in done.stderr
    assert_absent(done.stderr, "the log")
    assert_absent(done.stdout, "the pages of the UI")
    pages = json.loads(done.stdout.splitlines()[-1])
    seen = {page.partition("?")[0].rpartition(":")[2].partition("/")[2].strip("/") for page in pages}
    assert {"jobs", "SQL", "SQL/execution", "environment", "executors", "stages/stage"} <= seen
    assert ("connect" in seen) == (mode == "connect")
    (folder / "key").unlink()
    assert_absent_below(folder)
    events = "".join(file.read_text() for file in (folder / "events").rglob("*") if file.is_file())
    assert "SparkListenerApplicationEnd" in events
    return Seen(done.stderr, done.stdout, events)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports

"""Workers and executors of Spark that die while they read first runs: each object lands once, whoever reads it then."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import KEY
from tests.connected import EACH, OWN, assert_all_landed, platform
from tests.documents import ROOT
from tests.spark.own_spark import executors_below, kill_after, run, workers_below

if TYPE_CHECKING:
    from stripe_raw_rs.simulator import StripeSimulator

# Each has a Spark of its own.
pytestmark = [pytest.mark.kill, pytest.mark.spark40, pytest.mark.timeout(600)]

ACCOUNTS = 8
CALL = """
import json, sys
from pyspark.sql import SparkSession
from stripe_raw_rs import ingest

_, key, url = sys.argv
session = SparkSession.builder.getOrCreate()
options = {"accounts": "all", "entities": "charges", "page_size": 2, "max_concurrent_requests": 2}

def state():
    tables = [row[1] for row in session.sql("SHOW TABLES IN spark_catalog.lake").collect()]
    counts = {name: session.table(f"spark_catalog.lake.{name}").count() for name in tables}
    tracker = session.sparkContext.statusTracker()
    stages = [stage for job in tracker.getJobIdsForGroup(None) for stage in tracker.getJobInfo(job).stageIds]
    infos = [tracker.getStageInfo(stage) for stage in stages]
    return {"tables": counts, "failed": sum(info.numFailedTasks for info in infos if info is not None)}

report = ingest(catalog="spark_catalog", schema="lake", api_key=key, api_base_url=url, distributed=True,
                distributed_tasks=2, **options)
(result,) = report.entities
print(json.dumps({"code": report.exit_code, "rows": result.rows, **state()}))
"""
CHECKPOINTS, RAW = "stripe_ingestion_checkpoints", "stripe_charges_raw"
TOTAL = OWN + ACCOUNTS * EACH
INSTEAD = "charges: executors could not do it, so this process reads: "


@pytest.fixture
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("lane"))


def stripe_of_slow_answers() -> StripeSimulator:
    """Each task reads for some seconds: it asks about 25 times."""
    return platform(ACCOUNTS, latency_ms=200)


def call(lane: str, folder: Path, stripe: StripeSimulator, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    """Give what the call has come to, and its warnings."""
    done = run(lane, folder, CALL, KEY, stripe.url, **settings)
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found, [line for line in done.stderr.splitlines() if line.startswith("charges: ")]


def lake_of(folder: Path) -> Path:
    """The tables as delta-rs sees them."""
    return folder / "warehouse" / "lake.db"


class Killer(threading.Thread):
    """Ends processes in the midst of the tasks, as if they had run out of memory."""

    def __init__(self, stripe: StripeSimulator, find: Any) -> None:
        super().__init__()
        self.killed: list[int] = []
        self._stripe = stripe
        self._find = find

    def run(self) -> None:
        self.killed = kill_after(self._stripe, 15, self._find)


def test_workers_that_were_killed_are_replaced_and_each_object_lands_once(lane: str, tmp_path: Path) -> None:
    with stripe_of_slow_answers() as stripe:
        killer = Killer(stripe, workers_below)
        killer.start()
        found, warned = call(lane, tmp_path, stripe)
        killer.join()
        assert killer.killed
        assert found["failed"] >= 1, "Spark has seen it"
        assert (found["code"], found["rows"], warned) == (0, TOTAL, [])
        assert found["tables"].keys() == {CHECKPOINTS, RAW}
        assert_all_landed(lake_of(tmp_path), stripe)


def test_if_workers_were_killed_and_not_replaced_the_process_reads_itself(lane: str, tmp_path: Path) -> None:
    with stripe_of_slow_answers() as stripe:
        killer = Killer(stripe, workers_below)
        killer.start()
        found, warned = call(lane, tmp_path, stripe, settings={"spark.master": "local[2]"})
        killer.join()
        assert killer.killed
        assert found["failed"] >= 1, "Spark has seen it"
        (line,) = warned
        assert line.startswith(f"{INSTEAD}the rows that wait in table 'spark_catalog.lake.stripe_charges_raw_waiting_")
        assert "' cannot be filled: " in line
        assert (found["code"], found["rows"]) == (0, TOTAL)
        assert found["tables"].keys() == {CHECKPOINTS, RAW}, "nothing waits"
        assert_all_landed(lake_of(tmp_path), stripe)


def test_an_executor_that_was_lost_is_replaced_and_each_object_lands_once(lane: str, tmp_path: Path) -> None:
    import pyspark  # noqa: PLC0415 - lanes of Spark alone have it

    cluster = {
        "spark.master": "local-cluster[3,1,1024]",
        "spark.executor.memory": "1g",
        "spark.executorEnv.PYTHONPATH": str(ROOT / "python"),
    }
    home = {"SPARK_HOME": str(Path(pyspark.__file__).parent), "SPARK_SCALA_VERSION": "2.13"}
    with stripe_of_slow_answers() as stripe:
        # Two tasks run on three executors: one of these two has one of them.
        killer = Killer(stripe, lambda process: iter([*executors_below(process)][:2]))
        killer.start()
        found, warned = call(lane, tmp_path, stripe, settings=cluster, environment=home)
        killer.join()
        assert killer.killed
        assert (found["code"], found["rows"], warned) == (0, TOTAL, [])
        assert found["failed"] >= 1, "Spark has seen it"
        assert found["tables"].keys() == {CHECKPOINTS, RAW}
        assert_all_landed(lake_of(tmp_path), stripe)


def test_if_a_machine_lacks_the_wheel_a_plain_line_says_so_and_the_process_reads_itself(
    lane: str, tmp_path: Path
) -> None:
    """The driver finds the wheel; the processes that Spark starts do not."""
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'python')!r})\n{CALL}"
    with platform(3) as stripe:
        done = run(lane, tmp_path, program, KEY, stripe.url, path="")
    assert json.loads(done.stdout)["code"] == 0
    (line,) = (line for line in done.stderr.splitlines() if line.startswith(INSTEAD))
    assert "stripe_raw_rs is missing here: install its wheel on each machine of Spark's cluster" in line

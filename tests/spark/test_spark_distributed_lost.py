"""Workers and executors of Spark that die while they read first runs: each object lands once, or nothing does."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import KEY
from tests.connected import EACH, OWN, assert_each_once, landed_of, platform
from tests.documents import ROOT
from tests.spark.own_spark import executors_below, kill_after, run, workers_below

if TYPE_CHECKING:
    from stripe_raw_rs.simulator import StripeSimulator

# Each has a Spark of its own.
pytestmark = [pytest.mark.kill, pytest.mark.spark40, pytest.mark.spark41, pytest.mark.timeout(600)]

ACCOUNTS = 8
CALLS = """
import json, sys
from pyspark.sql import SparkSession
from stripe_raw_rs import ingest

key, url, calls = sys.argv[1:]
session = SparkSession.builder.getOrCreate()
options = {"accounts": "all", "entities": "charges", "page_size": 2, "max_concurrent_requests": 2}

def state():
    tables = [row[1] for row in session.sql("SHOW TABLES IN spark_catalog.lake").collect()]
    counts = {name: session.table(f"spark_catalog.lake.{name}").count() for name in tables}
    tracker = session.sparkContext.statusTracker()
    stages = [stage for job in tracker.getJobIdsForGroup(None) for stage in tracker.getJobInfo(job).stageIds]
    infos = [tracker.getStageInfo(stage) for stage in stages]
    return {"tables": counts, "failed": sum(info.numFailedTasks for info in infos if info is not None)}

for _ in range(int(calls)):
    report = ingest(catalog="spark_catalog", schema="lake", api_key=key, api_base_url=url, distributed=True,
                    distributed_tasks=2, **options)
    (result,) = report.entities
    found = {"code": report.exit_code, "rows": result.rows, "said": result.message, **state()}
    print(json.dumps(found))
"""
CHECKPOINTS, RAW = "stripe_ingestion_checkpoints", "stripe_charges_raw"
TOTAL = OWN + ACCOUNTS * EACH


@pytest.fixture
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("lane"))


def stripe_of_slow_answers() -> StripeSimulator:
    """Each task reads for some seconds: it asks about 25 times."""
    return platform(ACCOUNTS, latency_ms=200)


def calls(lane: str, folder: Path, stripe: StripeSimulator, number: int, **settings: Any) -> list[dict[str, Any]]:
    done = run(lane, folder, CALLS, KEY, stripe.url, str(number), **settings)
    assert done.returncode == 0, done.stderr[-5000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_all_landed(folder: Path, stripe: StripeSimulator) -> None:
    """It looks at the tables with delta-rs, and lets `verify` audit them."""
    lake = folder / "warehouse" / "lake.db"
    everyone = [None, *stripe.accounts()]
    assert landed_of(lake) == {account: OWN if account is None else EACH for account in everyone}
    assert_each_once(lake, stripe, everyone)


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
        (found,) = calls(lane, tmp_path, stripe, 1)
        killer.join()
        assert killer.killed
        assert found["failed"] >= 1, "Spark has seen it"
        assert (found["code"], found["rows"], found["said"]) == (0, TOTAL, None)
        assert found["tables"].keys() == {CHECKPOINTS, RAW}
        assert_all_landed(tmp_path, stripe)


def test_workers_that_were_killed_and_not_replaced_land_nothing_and_the_next_call_lands_all(
    lane: str, tmp_path: Path
) -> None:
    with stripe_of_slow_answers() as stripe:
        killer = Killer(stripe, workers_below)
        killer.start()
        failed, again = calls(lane, tmp_path, stripe, 2, settings={"spark.master": "local[2]"})
        killer.join()
        assert killer.killed
        assert (failed["code"], failed["rows"]) == (1, 0)
        start = "charges: the rows that wait in 'spark_catalog.lake' cannot be filled: "
        assert failed["said"].startswith(start), failed["said"]
        assert "\n" not in failed["said"]
        assert failed["tables"] == {CHECKPOINTS: 0}, "nothing has landed, and nothing waits"
        assert (again["code"], again["rows"], again["said"]) == (0, TOTAL, None)
        assert again["tables"].keys() == {CHECKPOINTS, RAW}
        assert_all_landed(tmp_path, stripe)


def test_an_executor_that_was_lost_is_replaced_and_each_object_lands_once(lane: str, tmp_path: Path) -> None:
    import pyspark  # noqa: PLC0415 - lanes of Spark alone have it

    cluster = {
        "spark.master": "local-cluster[3,1,1024]",
        "spark.executor.memory": "1g",
        "spark.executorEnv.PYTHONPATH": str(ROOT / "python"),
    }
    home = {"SPARK_HOME": str(Path(pyspark.__file__).parent), "SPARK_SCALA_VERSION": "2.13"}
    with stripe_of_slow_answers() as stripe:
        killer = Killer(stripe, lambda process: iter([*executors_below(process)][:1]))
        killer.start()
        (found,) = calls(lane, tmp_path, stripe, 1, settings=cluster, environment=home)
        killer.join()
        assert killer.killed
        assert (found["code"], found["rows"], found["said"]) == (0, TOTAL, None)
        assert found["failed"] >= 1, "Spark has seen it"
        assert found["tables"].keys() == {CHECKPOINTS, RAW}
        assert_all_landed(tmp_path, stripe)


def test_a_machine_without_the_wheel_says_so_in_the_plain_line_of_the_call(lane: str, tmp_path: Path) -> None:
    """The driver finds the wheel; the processes that Spark starts do not."""
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'python')!r})\n{CALLS}"
    with platform(3) as stripe:
        done = run(lane, tmp_path, program, KEY, stripe.url, "1", path="")
    (found,) = map(json.loads, done.stdout.splitlines())
    assert found["code"] == 1
    assert "stripe_raw_rs is missing here: install its wheel on each machine of Spark's cluster" in found["said"]
    assert "\n" not in found["said"]

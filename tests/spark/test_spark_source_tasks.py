"""Tasks of the format `stripe` that are tried again, machines without the wheel, and a Spark that is too old."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import UsageError, register_stripe
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.documents import ROOT
from tests.spark.own_spark import kill_after, run, workers_below

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

READ = """
import sys
from pyspark.sql import SparkSession
from stripe_raw_rs import register_stripe

session = SparkSession.builder.getOrCreate()
options = {"max_retries": 0, "page_size": 10, "max_concurrent_requests": 1}
register_stripe(session, api_key="rk_test_any", api_base_url=sys.argv[1], **options)
frame = session.read.format("stripe").options(entity="charges", created_gte="2020-01-01").load()
"""
COUNT = """
ids = [row[0] for row in frame.select("_stripe_id").collect()]
tracker = session.sparkContext.statusTracker()
stages = [stage for job in tracker.getJobIdsForGroup(None) for stage in tracker.getJobInfo(job).stageIds]
print(len(ids), len(set(ids)), sum(tracker.getStageInfo(stage).numFailedTasks for stage in stages))
"""


@pytest.fixture
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("lane"))


@pytest.mark.kill
@pytest.mark.spark40
@pytest.mark.spark41
def test_a_task_that_failed_is_tried_again_and_its_rows_count_once(lane: str, tmp_path: Path) -> None:
    # The first page of a part has been read when the second one fails.
    with StripeSimulator(counts={"charges": 300}, faults="status=500@n9") as stripe:
        done = run(lane, tmp_path, READ + COUNT, stripe.url)
    assert done.stdout.split() == ["300", "300", "1"], done.stderr[-3000:]


@pytest.mark.kill
@pytest.mark.spark40
@pytest.mark.spark41
def test_a_worker_that_was_killed_leaves_no_row_twice(lane: str, tmp_path: Path) -> None:
    # A page takes 0.3 s, and each of the tasks has some.
    with StripeSimulator(counts={"charges": 400}, latency_ms=300, history_days=2_000) as stripe:
        # The workers of Python end in the midst of their tasks, as if they had run out of memory.
        killer = threading.Thread(target=kill_after, args=[stripe, 10, workers_below])
        killer.start()
        done = run(lane, tmp_path, READ + COUNT, stripe.url)
        killer.join()
    assert done.stdout.split()[:2] == ["400", "400"], done.stderr[-3000:]
    assert int(done.stdout.split()[2]) >= 1


@pytest.mark.spark40
@pytest.mark.spark41
def test_a_machine_without_the_wheel_says_so(lane: str, tmp_path: Path) -> None:
    """The driver finds the wheel; the processes that Spark starts do not."""
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'python')!r})\n{READ}"
    done = run(lane, tmp_path, program, "http://127.0.0.1:9", path="")
    assert done.returncode == 1
    line = "ModuleNotFoundError: stripe_raw_rs is missing here: install its wheel on each machine of Spark's cluster"
    assert line in done.stderr.splitlines(), done.stderr[-3000:]


@pytest.mark.spark35
def test_a_spark_without_python_data_sources_is_refused(spark: SparkSession) -> None:
    with pytest.raises(UsageError) as refused:
        register_stripe(spark, api_key=KEY)
    assert str(refused.value) == (
        f"register_stripe needs a session of Spark 4.0 or later, and this is Spark {spark.version}; read gives a list "
        "without it"
    )

"""A shuffle behind a fetch, and an executor that is lost: the job succeeds with rows lost and doubled; a wave fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY
from tests.connected import EACH, OWN, assert_each_once, landed_of, platform
from tests.spark.own_spark import run

if TYPE_CHECKING:
    from pathlib import Path

# It has a Spark of its own.
pytestmark = [pytest.mark.kill, pytest.mark.spark40, pytest.mark.timeout(600)]

ACCOUNTS = 8
PROGRAM = """
import glob, json, os, sys
from pyspark.sql import SparkSession
from pyspark.sql.classic.dataframe import DataFrame
from stripe_raw_rs import ingest, register_stripe

_, key, url, account, local = sys.argv
session = SparkSession.builder.getOrCreate()
plain, lost = DataFrame.mapInArrow, []

def losing(frame):
    # Once the first task behind the shuffle has its rows, what the others are to read is gone.
    flag = f"{local}/lost_{len(lost)}"
    lost.append(flag)
    def pass_on(batches):
        from pyspark import TaskContext
        yield from list(batches)
        if TaskContext.get().partitionId() == 0 and not os.path.exists(flag):
            open(flag, "w").close()
            for file in glob.glob(f"{local}/**/shuffle_*.data", recursive=True):
                os.remove(file)
    return plain(frame.repartition(4), pass_on, frame.schema)

register_stripe(session, api_key=key, api_base_url=url)
options = {"entity": "charges", "accounts": account, "created_gte": "2020-01-01", "num_partitions": "4"}
read = losing(session.read.format("stripe").options(**options).load()).select("_stripe_id").collect()
DataFrame.mapInArrow = lambda frame, *given: losing(plain(frame, *given))
report = ingest(catalog="spark_catalog", schema="lake", api_key=key, api_base_url=url, accounts="all",
                entities="charges", distributed=True, distributed_tasks=4)
print(json.dumps({"read": [row[0] for row in read], "lost": [os.path.exists(flag) for flag in lost],
                  "code": report.exit_code, "rows": report["charges"].rows}))
"""


def test_a_wave_does_not_land_what_a_shuffle_has_lost_and_doubled(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = {"spark.master": "local[1]", "spark.local.dir": str(tmp_path), "spark.sql.adaptive.enabled": "false"}
    with platform(ACCOUNTS) as stripe:
        large, *others = stripe.accounts()
        stripe.add("charges", 400, account=large)
        lane = request.config.getoption("lane")
        done = run(lane, tmp_path, PROGRAM, KEY, stripe.url, large, str(tmp_path), settings=settings)
        assert done.returncode == 0, done.stderr[-5000:]
        found = json.loads(done.stdout)
        assert found["lost"] == [True, True]
        # This is the trap. If a Spark does not fall into it any more, the documents are to say so.
        assert len(found["read"]) == EACH + 400
        assert len(set(found["read"])) < EACH + 400
        # A wave counts what waits before it lands.
        (line,) = (line for line in done.stderr.splitlines() if "executors could not do it" in line)
        assert "; nothing of them has landed: run again" in line
        assert (found["code"], found["rows"]) == (0, OWN + ACCOUNTS * EACH + 400)
        lake = tmp_path / "warehouse" / "lake.db"
        expected: dict[str | None, int] = {None: OWN, large: EACH + 400, **dict.fromkeys(others, EACH)}
        assert landed_of(lake) == expected
        assert_each_once(lake, stripe, [None, large, *others])

"""Five lists without news on Spark: the wall time of a run, and its Delta commits.

`just bench-spark-idle LANE`. The session is there already, as on a cluster that is up; the first rounds compile.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from deltalake import DeltaTable
from tests.conftest import DEFAULT, KEY
from tests.spark.lanes import LANES, commits_under

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator

_ROUNDS = 6


def main(name: str) -> None:
    lane = LANES[name]
    with tempfile.TemporaryDirectory() as folder, StripeSimulator(counts=dict.fromkeys(DEFAULT, 400)) as stripe:
        warehouse = Path(folder, "warehouse")
        os.environ.update(lane.environment(Path(folder, "conf"), warehouse, {}))
        session = lane.session()
        seconds, made = [], []
        for _ in range(1 + _ROUNDS):
            before, began = commits_under(warehouse), time.perf_counter()
            report = ingest(catalog="spark_catalog", schema="bench", api_key=KEY, api_base_url=stripe.url)
            report.raise_for_status()
            seconds.append(time.perf_counter() - began)
            made.append(commits_under(warehouse) - before)
        tables = [path.parent for path in warehouse.glob("**/_delta_log")]
        files = sum(len(DeltaTable(path).file_uris()) for path in tables)
        idle = statistics.median(seconds[3:])
        print(  # noqa: T201 - what was measured
            f"{name}: five lists without news in {idle:.1f} s, {made[-1]} Delta commits; "
            f"the first run took {seconds[0]:.1f} s and {made[0]} commits; {files} files in all"
        )
        session.stop()


if __name__ == "__main__":
    main(sys.argv[1])

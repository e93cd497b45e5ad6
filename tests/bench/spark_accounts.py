"""Many accounts in one call on Spark: the wall time, and the Delta commits in all.

`just bench-spark-accounts LANE`. The session is there already, as on a cluster that is up.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conftest import KEY
from tests.spark.lanes import LANES, commits_under

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator

_ACCOUNTS = 200
_OBJECTS = 100


def main(name: str) -> None:
    lane = LANES[name]
    counts = {"charges": _OBJECTS}
    stripe = StripeSimulator(counts={"charges": 0}, connected_accounts=_ACCOUNTS, account_counts=counts)
    with tempfile.TemporaryDirectory() as folder, stripe:
        warehouse = Path(folder, "warehouse")
        os.environ.update(lane.environment(Path(folder, "conf"), warehouse, {}))
        session = lane.session()
        place: dict[str, Any] = {"catalog": "spark_catalog", "schema": "bench"}
        for run in ("first", "second"):
            before, began = commits_under(warehouse), time.perf_counter()
            report = ingest(
                **place, entities="charges", accounts=stripe.accounts(), api_key=KEY, api_base_url=stripe.url
            )
            report.raise_for_status()
            took, made = time.perf_counter() - began, commits_under(warehouse) - before
            print(  # noqa: T201 - what was measured
                f"{name}: {run} run of {_ACCOUNTS} accounts of {_OBJECTS} charges: {took:.1f} s, {made} Delta commits, "
                f"{sum(result.rows for result in report.entities):,} rows"
            )
        session.stop()


if __name__ == "__main__":
    main(sys.argv[1])

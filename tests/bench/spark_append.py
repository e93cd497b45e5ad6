"""10,000 charges appended by Spark's tables, over a floor in which Spark alone writes the same rows from a file.

`just bench-spark LANE`. The floor reads a Parquet file of the rows that is there already, and appends it with the same
writer; the part above 1 is the cost of carrying the rows over from Rust.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from tests.conftest import KEY, HandMade
from tests.spark.lanes import LANES

from stripe_raw_rs import Client, History, _core
from stripe_raw_rs.commit import commit
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables import open_tables

if TYPE_CHECKING:
    from collections.abc import Callable

_CHARGES = 10_000
_ROUNDS = 7


def charges() -> pa.Table:
    """Rows as the core hands them over."""
    with StripeSimulator(counts={"charges": _CHARGES}, gzip=True) as stripe:
        client = Client(KEY, api_base_url=stripe.url, commit_interval_seconds=3_600)
        run = client.attempt("charges", History("charges"), store_id="bench", owner="bench")
        tables = [pa.table(rows) for rows, _ in run]
    return pa.concat_tables([table for table in tables if table.num_rows]).slice(0, _CHARGES)


def peak_mb(process: str | int) -> float:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM:")), 0.0)


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


def median(append: Callable[[int], None], versions: range) -> float:
    seconds = []
    for version in versions:
        began = time.perf_counter()
        append(version)
        seconds.append(time.perf_counter() - began)
    # The first rounds compile.
    return statistics.median(seconds[2:])


def main(name: str) -> None:
    lane = LANES[name]
    rows = charges()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(lane.environment(Path(folder, "conf"), Path(folder, "warehouse"), {}))
        session = lane.session()
        table = open_tables({"catalog": "spark_catalog", "schema": "bench"}).table("stripe_charges_raw")
        table.create(_core.raw_schema(), {"stripe_raw.store_id": "bench"}, "Charges")
        file = Path(folder, "rows.parquet")
        pq.write_table(rows, file)

        def floor(version: int) -> None:
            frame = session.read.parquet(str(file)).coalesce(1).write.format("delta").mode("append")
            frame.option("txnAppId", "floor").option("txnVersion", str(version)).option(
                "compression", "zstd"
            ).saveAsTable("spark_catalog.bench.stripe_charges_raw")

        least = median(floor, range(1, 1 + _ROUNDS))
        ours = median(lambda version: commit(table, HandMade(rows, version, must_be_seen=False)), range(1, 1 + _ROUNDS))
        java = sum(peak_mb(child) for child in children())
        megabytes = rows.nbytes / 1e6
        print(  # noqa: T201 - what was measured
            f"{name}: {rows.num_rows:,} charges of {megabytes:.0f} MB in {ours:.2f} s, {megabytes / ours:.0f} MB/s, "
            f"{ours / least:.2f} x the floor of {least:.2f} s; "
            f"peak memory: Python {peak_mb('self'):.0f} MB, JVM {java:.0f} MB"
        )
        session.stop()


if __name__ == "__main__":
    main(sys.argv[1])

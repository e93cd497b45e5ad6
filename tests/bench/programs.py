"""Programs for processes of their own, while Stripe is read into tables: a simulated account, and its readers.

    python tests/bench/programs.py simulate SETTINGS
    python tests/bench/programs.py stripe-python URL FOLDER LIST...
    python tests/bench/programs.py dlt URL FOLDER LIST...

`end_to_end.py` starts them. Each reader says when its imports are done, and how many objects it landed.
"""
# ruff: noqa: INP001, PLC0415 - a program, in no package; each of them imports what it needs and nothing else

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

KEY = "rk_test_bench"
BATCH = 10_000


def main(arguments: list[str]) -> None:
    match arguments:
        case ["simulate", settings]:
            simulate(json.loads(settings))
        case ["stripe-python", url, folder, *lists]:
            plain_loop(url, Path(folder), lists)
        case ["dlt", url, folder, *lists]:
            dlt_source(url, Path(folder), lists)
        case _:
            sys.exit(__doc__)


def simulate(settings: dict[str, Any]) -> None:
    """Serve an account until the starter closes the input, then print how many requests were received.

    The simulator remembers the latest 10,000 answers: if there were more requests, not all 429s are counted.
    """
    from stripe_raw_rs.simulator import StripeSimulator

    with StripeSimulator(objects=0, **settings) as stripe:
        say(stripe.url)
        sys.stdin.read()
        refused = sum(status == 429 for _, _, status in stripe.request_log())
        say(json.dumps({"requests": stripe.requests, "refused": refused}))


def plain_loop(url: str, folder: Path, lists: list[str]) -> None:
    """Write the lists to Parquet files with Stripe's own library, one after the other, object by object."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import stripe

    schema = pa.schema([("id", pa.string()), ("sha256", pa.string()), ("json", pa.string())])
    client = stripe.StripeClient(KEY, base_addresses={"api": url})
    say_ready()
    objects = 0
    for name in lists:
        with pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd") as writer:
            batch = []
            for item in getattr(client.v1, name).list({"limit": 100}).auto_paging_iter():
                text = json.dumps(item.to_dict(), default=str)
                sha256 = hashlib.sha256(text.encode()).hexdigest()
                batch.append({"id": item.id, "sha256": sha256, "json": text})
                objects += 1
                if len(batch) == BATCH:
                    writer.write_table(pa.Table.from_pylist(batch, schema))
                    batch.clear()
            writer.write_table(pa.Table.from_pylist(batch, schema))
    say(str(objects))


def dlt_source(url: str, folder: Path, lists: list[str]) -> None:
    """Write the lists to Delta tables with dlt's source for REST APIs, all at once.

    An object's fields become columns, and nested values become JSON: all of it is landed, in one table per list. Only
    columns in which every object has null are left out.
    """
    # dlt reads no settings of the user, sends nothing to its makers, and does not complain about columns of nulls.
    os.environ.update(DLT_DATA_DIR=str(folder), DLT_PROJECT_DIR=str(folder))
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL")
    import deltalake  # noqa: F401 - else dlt imports it when it first writes
    import dlt
    import dlt.destinations.impl.filesystem.filesystem
    import pyarrow.parquet  # noqa: F401
    from dlt.sources.rest_api import rest_api_source

    say_ready()
    # It is given as words and not as an object, so that each list gets a paginator of its own.
    paginator = {
        "type": "cursor",
        "cursor_path": "data[-1].id",
        "cursor_param": "starting_after",
        "has_more_path": "has_more",
    }
    config: Any = {
        "client": {"base_url": f"{url}/v1/", "auth": {"type": "bearer", "token": KEY}},
        "resource_defaults": {
            "endpoint": {"params": {"limit": 100}, "data_selector": "data", "paginator": paginator},
            "max_table_nesting": 0,
            "table_format": "delta",
            "write_disposition": "append",
        },
        "resources": [{"name": name, "endpoint": {"path": name}} for name in lists],
    }
    lake = dlt.destinations.filesystem(str(folder / "lake"))
    pipeline = dlt.pipeline("bench", pipelines_dir=str(folder / "pipelines"), destination=lake, dataset_name="stripe")
    # `parallelized` among a resource's own settings has no effect.
    pipeline.run(rest_api_source(config, parallelized=True))
    trace: Any = pipeline.last_trace
    landed = trace.last_normalize_info.row_counts
    say(str(sum(landed[name] for name in lists)))


def say_ready() -> None:
    """Print when the imports were done, and the CPU time that they took."""
    say(json.dumps({"ready_at": time.monotonic(), "cpu_seconds": time.process_time()}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

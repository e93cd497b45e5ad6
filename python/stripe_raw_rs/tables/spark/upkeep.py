"""Keeping a table in order with Spark: few files, and the same rows. Spark writes the checkpoints of the log itself."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stripe_raw_rs.tables import MOST_SMALL_FILES, SMALL_FILE
from stripe_raw_rs.tables.spark.session import on_databricks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import Row, SparkSession

# Without the first one OPTIMIZE would write each file below 1 GiB again, and so nearly the whole table each time. The
# second is how appends write. By the third VACUUM has as many tasks as it lists folders; by default it has 10,000, for
# our one folder, which take a minute.
_SETTINGS = {
    "spark.databricks.delta.optimize.minFileSize": str(SMALL_FILE),
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
}
# The settings are the session's, which other threads may share: without a lock one of them would put the values of
# another one back. Appends do not wait for it.
_ONE_AT_A_TIME = threading.Lock()
# So many of the newest commits are looked through. It is more than twice the small files that may gather, since a fence
# is a commit, too; earlier small files are written together with those that are found.
_HISTORY = 3 * MOST_SMALL_FILES
# The files that OPTIMIZE reads were replaced while it wrote: a rival has just done the same.
_RIVAL = re.compile(r"DELTA_CONCURRENT_|Concurrent\w+Exception")


def maintain(session: SparkSession, name: str) -> str | None:
    """Write small files together, if there are many. Returns what was done; None for nothing. `name` is quoted already.

    It is one commit without changes of data: a reader sees the files before it or those after it. Appends of others do
    not conflict with it. Files that no version of the table has any more are removed after it, once Delta's retention
    (7 days) is over: VACUUM keeps those of younger versions.
    """
    if not session.catalog.tableExists(name) or not _has_many_small_files(session, name) or _is_left_out(session, name):
        return None
    with _ONE_AT_A_TIME, _settings(session) as are_set:
        if not are_set:
            return None
        try:
            (row,) = session.sql(f"OPTIMIZE {name}").collect()
        except Exception as error:
            if _RIVAL.search(str(error)):
                return None
            raise
        session.sql(f"VACUUM {name}").collect()
    fewer = row["metrics"]["numFilesRemoved"] - row["metrics"]["numFilesAdded"]
    return f"{fewer:,} files fewer" if fewer else None


def _has_many_small_files(session: SparkSession, name: str) -> bool:
    """Count the small files that were written since files were written together.

    Spark does not list the sizes of a table's files without a look into each of them; but the table's history says how
    much each commit wrote. A commit of which it does not say that, as those of delta-rs, counts as a small file.
    """
    (detail,) = session.sql(f"DESCRIBE DETAIL {name}").collect()
    # OPTIMIZE writes a table with liquid clustering again as a whole, whatever the sizes of its files are.
    if (detail["numFiles"] or 0) <= MOST_SMALL_FILES or detail["clusteringColumns"]:
        return False
    small = 0
    for commit in session.sql(f"DESCRIBE HISTORY {name} LIMIT {_HISTORY}").collect():
        if commit["operation"] == "OPTIMIZE":
            break
        small += _small_files(commit)
    return small > MOST_SMALL_FILES


def _small_files(commit: Row) -> int:
    if commit["operation"] not in ("WRITE", "STREAMING UPDATE"):
        return 0
    metrics: dict[str, str] = commit["operationMetrics"] or {}
    files = int(metrics.get("numFiles", 1))
    return files if int(metrics.get("numOutputBytes", 0)) < SMALL_FILE * files else 0


def _is_left_out(session: SparkSession, name: str) -> bool:
    """Say whether the platform looks after the table: on Databricks always, unless the table says that it does not."""
    if not on_databricks():
        return False
    rows = session.sql(f"DESCRIBE TABLE EXTENDED {name}").collect()
    said = [row["data_type"] for row in rows if row["col_name"] == "Predictive Optimization"]
    return not said or not said[-1].upper().startswith("DISABLE")


@contextmanager
def _settings(session: SparkSession) -> Iterator[bool]:
    """Give the session our settings, and put its own back. Yields False if it does not take them."""
    before = {name: session.conf.get(name, None) for name in _SETTINGS}
    try:
        yield _set(session)
    finally:
        for name, value in before.items():
            _put_back(session, name, value)


def _set(session: SparkSession) -> bool:
    try:
        for name, value in _SETTINGS.items():
            session.conf.set(name, value)
    except Exception:  # noqa: BLE001 - serverless compute takes few settings; the table then stays as it is
        return False
    return True


def _put_back(session: SparkSession, name: str, value: str | None) -> None:
    if session.conf.get(name, None) == value:
        return
    if value is None:
        session.conf.unset(name)
    else:
        session.conf.set(name, value)

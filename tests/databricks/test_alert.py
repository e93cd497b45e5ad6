"""The bundle's alert, and the dashboard's *Now*: which accounts are behind, and which have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from tests.databricks.bundle import read, resolved
from tests.databricks.test_dashboard import DATASETS, TABLE, Attempt, Story, rows

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

(ALERT,) = resolved(read(), "prod").tree["resources"]["alerts"].values()
DAY = 24.0


def test_the_alert_asks_the_tables_of_its_target_for_the_column_that_it_evaluates() -> None:
    for name in ("dev", "prod"):
        target = resolved(read(), name)
        (alert,) = target.tree["resources"]["alerts"].values()
        schema = target.task["python_wheel_task"]["named_parameters"]["schema"]
        assert alert["query_text"].count(" FROM `main`") == 1
        assert f"`main`.`{schema}`.{TABLE}" in alert["query_text"]
        assert f"AS {alert['evaluation']['source']['name']}," in alert["query_text"]


def behind(spark: SparkSession, past: Story, folder: Path) -> dict[str, set[str]]:
    """The accounts of each list that the alert names, and that the dashboard names if there are several."""
    place = folder / f"{len(list(folder.iterdir()))}.parquet"
    pq.write_table(past.table(), place)
    spark.read.parquet(str(place)).createOrReplaceTempView(TABLE)
    try:
        alert = rows(spark, ALERT["query_text"].replace("`main`.`stripe_raw`.", ""))
        now = rows(spark, DATASETS["lists"])
    finally:
        spark.catalog.dropTempView(TABLE)
    found = {row["list"]: set(row["accounts"].split(", ")) for row in alert}
    assert all(row["accounts_behind"] == len(found[row["list"]]) for row in alert)
    several = {row["list"] for row in now if row["accounts"] > 1}
    shown = {row["list"]: set(row["behind"].split(", ")) for row in now if row["behind"]}
    assert shown == {name: accounts for name, accounts in found.items() if name in several}
    return found


def run(past: Story, entity: str, account: str | None, hours: float, error: str | None = None) -> None:
    attempt = Attempt(past, f"{entity}{account}{hours}", 1000 - int(hours), entity, account).started(hours + 0.1)
    if error is None:
        attempt.page(hours, 1, 1, hours + 1).completed(hours, hours + 1)
    else:
        attempt.failed(hours, error, "no access")


@pytest.mark.spark35
def test_an_account_that_has_left_the_platform_is_not_behind(spark: SparkSession, tmp_path: Path) -> None:
    past = Story()
    for entity in ("events", "charges"):
        run(past, entity, "acct_here", 1)
        run(past, entity, None, 1)
        run(past, entity, "acct_late", 3 * DAY)
        run(past, entity, "acct_left", 12 * DAY)
        run(past, entity, "acct_lost", 14 * DAY, "Permission")
    # It fails each day, so it is read each day.
    run(past, "charges", "acct_fails", 13 * DAY)
    run(past, "charges", "acct_fails", 2, "Permission")
    # Its lists are read once a week, if its events say that nothing has happened.
    run(past, "events", "acct_calm", 1)
    run(past, "charges", "acct_calm", 6 * DAY)
    # A list that was read long ago, of an account that is still read.
    run(past, "refunds", "acct_here", 20 * DAY)
    run(past, "refunds", None, 1)
    assert behind(spark, past, tmp_path) == {
        "events": {"acct_late"},
        "charges": {"acct_late", "acct_fails"},
        "refunds": {"acct_here"},
    }


@pytest.mark.spark35
@pytest.mark.parametrize("accounts", [[None], ["acct_1"], [None, "acct_1", "acct_2"]])
def test_all_accounts_are_behind_when_the_job_has_stopped(
    spark: SparkSession, tmp_path: Path, accounts: list[str | None]
) -> None:
    past = Story()
    for number, account in enumerate(accounts):
        for entity in ("events", "charges"):
            run(past, entity, account, 30 * DAY + number)
    everyone = {account or "own account" for account in accounts}
    assert behind(spark, past, tmp_path) == {"events": everyone, "charges": everyone}


@pytest.mark.spark35
def test_nothing_is_behind_while_the_job_runs(spark: SparkSession, tmp_path: Path) -> None:
    past = Story()
    for account in (None, "acct_1"):
        for entity in ("events", "charges"):
            run(past, entity, account, 20)
    assert behind(spark, past, tmp_path) == {}

"""The README's SQL runs on Spark, on tables of the main job; statements that only Unity Catalog knows are left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.places import place_of
from tests.readme_tables import README

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

# Only Unity Catalog has grants and tags.
ONLY_THERE = re.compile(r"GRANT|ALTER TABLE \S+ SET TAGS")
COMMENT = re.compile(r"--[^\n]*")


def statements() -> list[str]:
    """All statements of the README's SQL blocks, without comments."""
    blocks = re.findall(r"```sql\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [one.strip() for block in blocks for one in COMMENT.sub("", block).split(";") if one.strip()]


def test_the_readme_has_sql_to_run() -> None:
    here = [statement for statement in statements() if not ONLY_THERE.match(statement)]
    assert len(here) >= 8
    assert len(here) < len(statements())


@pytest.mark.spark35
def test_every_statement_of_the_readme_runs(spark: SparkSession, lake: Path) -> None:
    with StripeSimulator(counts={"charges": 12}) as stripe:
        options = {"api_key": KEY, "api_base_url": stripe.url}
        ingest(**place_of(lake), entities="charges", **options).raise_for_status()  # type: ignore[arg-type]
    read = f"{lake.stem}_read"
    spark.sql(f"CREATE SCHEMA spark_catalog.{read}")
    answers: list[list[tuple[object, ...]]] = []
    for statement in statements():
        if ONLY_THERE.match(statement):
            continue
        # Views of the catalog that Spark has by itself have names of two parts.
        here = statement.replace("main.stripe_raw", lake.stem).replace("main.stripe_read", read)
        answers.append([tuple(row) for row in spark.sql(here).collect()])
    assert [(0,)] in answers, "no payload without its hash"
    assert spark.table(f"{read}.charges").count() == 12

"""The documents' SQL runs on Spark, on tables of the main job; what only Unity Catalog knows is left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.documents import DOCS, Block, blocks
from tests.places import place_of

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

# Only Unity Catalog has grants and tags.
ONLY_THERE = re.compile(r"GRANT|ALTER TABLE \S+ SET TAGS")
COMMENT = re.compile(r"--[^\n]*")


def statements(*kinds: str, of: Path | None = None) -> list[str]:
    """All statements of the documents' SQL blocks, without comments."""
    return [one for block in blocks(*kinds, of=of) for one in _parts(block)]


def _parts(block: Block) -> list[str]:
    return [one.strip() for one in COMMENT.sub("", block.text).split(";") if one.strip()]


def test_the_documents_have_sql_to_run() -> None:
    here = [statement for statement in statements("sql") if not ONLY_THERE.match(statement)]
    assert len(here) >= 20
    assert len(here) < len(statements("sql"))
    assert len(statements("sql spark4")) == 2


# Some 25 statements, many with joins: minutes on a machine that is busy.
@pytest.mark.timeout(900)
@pytest.mark.spark40
def test_every_statement_of_the_documents_runs(spark: SparkSession, lake: Path) -> None:
    lists = {"charges": 12, "balance_transactions": 12, "refunds": 12}
    with StripeSimulator(counts=lists, object_events=True) as stripe:
        options = {"api_key": KEY, "api_base_url": stripe.url}
        ingest(**place_of(lake), entities=["events", *lists], **options).raise_for_status()  # type: ignore[arg-type]
    read = f"{lake.stem}_read"
    spark.sql(f"CREATE SCHEMA spark_catalog.{read}")
    spark.sql(f"USE spark_catalog.{lake.stem}")
    kinds = ("sql", "sql spark4")
    audit = [*statements(*kinds, of=DOCS / "guarantees.md")]
    answers: list[list[tuple[object, ...]]] = []
    for statement in statements(*kinds):
        if ONLY_THERE.match(statement):
            continue
        # Views of the catalog that Spark has by itself have names of two parts.
        here = statement.replace("main.stripe_raw_dev_you", lake.stem)
        here = here.replace("main.stripe_raw", lake.stem).replace("main.stripe_read", read)
        answers.append([tuple(row) for row in spark.sql(here).collect()])
        if "AS digest" in statement:
            assert len(answers[-1]) == len(lists) + 1, "a run of each list"
        elif statement in audit:
            assert answers[-1] == [], statement
    assert [(0,)] in answers, "no payload without its hash"
    assert spark.table(f"{read}.charges").count() == 12

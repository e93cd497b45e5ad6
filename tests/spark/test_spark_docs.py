"""The programs of the documents for Spark 4 run as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.documents import Block, blocks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark40, pytest.mark.spark41, pytest.mark.connect40]

# 2026-02-15
END = 1_771_113_600


@pytest.mark.parametrize("program", blocks("python spark4"), ids=str)
def test_every_program_for_spark_runs(
    program: Block, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with StripeSimulator(counts={"charges": 300}, end=END, history_days=90, keys=[KEY]) as stripe:
        monkeypatch.setenv("STRIPE_API_KEY", KEY)
        monkeypatch.setenv("STRIPE_RAW_API_BASE_URL", stripe.url)
        exec(compile(program.text, str(program), "exec"), {})  # noqa: S102 - it is ours
        created = [stripe.created("charges", one) or 0 for one in stripe.ids("charges")]
    landed = spark.table("charges_of_january").count()
    spark.sql("DROP TABLE charges_of_january")
    assert 0 < landed < 300
    assert landed == sum(1_767_225_600 <= one < 1_769_904_000 for one in created)
    assert "currency" in capsys.readouterr().out

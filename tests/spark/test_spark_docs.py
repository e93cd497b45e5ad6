"""The programs of the documents for Spark 4 run as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import register_stripe
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.documents import Block, blocks

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

# 2026-02-15
END = 1_771_113_600


@pytest.mark.spark40
@pytest.mark.spark41
@pytest.mark.connect40
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


@pytest.mark.spark42
@pytest.mark.parametrize("program", blocks("python spark42"), ids=str)
def test_every_program_for_streams_runs(program: Block, spark: SparkSession, tmp_path: Path) -> None:
    text = program.text.replace("/Volumes/main/stripe", str(tmp_path))
    with StripeSimulator(counts={"charges": 300}, end=END, history_days=90) as stripe:
        register_stripe(spark, api_key=KEY, api_base_url=stripe.url)
        exec(compile(text, str(program), "exec"), {"spark": spark})  # noqa: S102 - it is ours
        expected = [one for one in stripe.ids("charges") if (stripe.created("charges", one) or 0) >= 1_767_225_600]
    landed = [row[0] for row in spark.table("charges_so_far").select("_stripe_id").collect()]
    spark.sql("DROP TABLE charges_so_far")
    assert sorted(landed) == sorted(expected)
    assert 0 < len(landed) < 300
    assert (tmp_path / "checkpoints" / "charges" / "offsets" / "0").exists()

"""A Spark without Delta, as `pip install pyspark` gives it: one line says what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.spark.lanes import LANES

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import stripe_raw_rs, sys
try:
    stripe_raw_rs.status(catalog="spark_catalog", schema="raw")
except stripe_raw_rs.UsageError as error:
    print("said:", error)
    print("chained:", error.__cause__, error.__suppress_context__ or error.__context__ is None)
"""
SETTINGS = (
    "spark.sql.extensions io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog org.apache.spark.sql.delta.catalog.DeltaCatalog",
)


@pytest.mark.spark
@pytest.mark.spark40
@pytest.mark.parametrize("given", [(), SETTINGS], ids=["nothing is set", "the jars are missing"])
def test_a_spark_without_delta_is_told_which_settings_delta_needs(tmp_path: Path, given: tuple[str, ...]) -> None:
    lines = (
        "spark.master local[1]",
        "spark.ui.enabled false",
        "spark.driver.host 127.0.0.1",
        f"spark.sql.warehouse.dir {tmp_path}",
        *given,
    )
    (tmp_path / "spark-defaults.conf").write_text("\n".join(lines) + "\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK", "PYSPARK"))}
    environment |= {"SPARK_CONF_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    said, chained = done.stdout.splitlines()
    assert said.startswith("said: this Spark 4.0.")
    assert f"io.delta:{LANES['spark40'].artifact}:{LANES['spark40'].version}" in said
    for setting in SETTINGS:
        assert setting.replace(" ", "=") in said
    assert "give a lake" in said
    assert chained == "chained: None True", "no traceback of Spark's comes with it"

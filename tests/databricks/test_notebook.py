"""The notebook: its cells are run, one by one, against Spark and a made-up account."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import entities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from stripe_raw_rs.simulator import StripeSimulator

PATH = Path(__file__).parents[2] / "resources" / "stripe_raw_rs.ipynb"
NOTEBOOK: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
PROGRAM = {cell["id"]: "".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"}


def run(cells: list[str], namespace: dict[str, Any]) -> dict[str, Any]:
    """Run cells as a notebook does: in one namespace, each compiled by itself so that an error names it."""
    for cell in cells:
        exec(compile(PROGRAM[cell], f"cell {cell}", "exec"), namespace)  # noqa: S102 - this is what a notebook is
    return namespace


@pytest.fixture
def no_key() -> Iterator[None]:
    """Leave no key behind: the notebook sets the made-up one in its environment."""
    yield
    os.environ.pop("STRIPE_API_KEY", None)


@pytest.fixture
def current_schema(spark: SparkSession) -> Iterator[None]:
    """Restore the current schema: the notebook sets its own, and other tests go on with theirs."""
    before = spark.catalog.currentDatabase()
    yield
    spark.catalog.setCurrentDatabase(before)


@pytest.mark.spark41
@pytest.mark.timeout(900)  # some thirty commits of Spark's, on a machine that may be busy
@pytest.mark.usefixtures("no_key", "current_schema")
def test_every_cell_runs_and_the_account_has_landed(
    spark: SparkSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One list tests as much as two, and Spark takes half the time for it.
    monkeypatch.setenv("STRIPE_RAW_ENTITIES", "charges")
    monkeypatch.setenv("STRIPE_RAW_CATALOG", "spark_catalog")
    namespace = run(list(PROGRAM), {})
    said = capsys.readouterr().out
    stripe: StripeSimulator = namespace["stripe"]
    catalog, schema = namespace["catalog"], namespace["schema"]
    try:
        for entity in entities(namespace["entities"]):
            query = "SELECT count(DISTINCT _stripe_id), count_if(sha2(_raw_json, 256) <> _payload_sha256) FROM "
            found = spark.sql(f"{query}`{catalog}`.`{schema}`.{entity.table}").collect()[0]
            # The account got new objects after the job, and the library has landed those as well.
            assert tuple(found) == (len(stripe.ids(entity.name)), 0)
        assert namespace["latest"].count() == len(stripe.ids("charges"))
    finally:
        spark.sql(f"DROP SCHEMA `{catalog}`.`{schema}` CASCADE")
    assert namespace["report"].exit_code == 0
    assert 0 < namespace["page"].num_rows <= 100
    assert namespace["audit"].findings == ()
    assert "RUN_COMPLETED" in said


@pytest.mark.spark41
@pytest.mark.usefixtures("no_key")
def test_the_widgets_count_on_databricks(spark: SparkSession) -> None:  # noqa: ARG001 - the first cell looks for it
    """If a secret is named, nothing is made up, and the schema is the one that was asked for."""
    given = {"catalog": "main", "schema": "raw", "stripe_secret_scope": "stripe", "stripe_secret_key": "api_key"}
    offered: dict[str, str] = {}
    widgets = SimpleNamespace(text=offered.__setitem__, get=lambda name: given.get(name, offered[name]))
    namespace = run(["parameters"], {"dbutils": SimpleNamespace(widgets=widgets)})
    assert namespace["stripe"] is None
    assert namespace["place"] == {"catalog": "main", "schema": "raw"}
    assert namespace["source"] == {"stripe_secret_scope": "stripe", "stripe_secret_key": "api_key"}
    assert given.keys() <= offered.keys()
    assert "STRIPE_API_KEY" not in os.environ

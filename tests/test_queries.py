"""The programs that the demo prints run when they are pasted, from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs.cli.demo import demo
from tests.spark.lanes import CACHE, LANES

if TYPE_CHECKING:
    from pathlib import Path

# A quarter of the demo's objects, and those that arrived before its second run.
CHARGES = 5_025


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    said: list[str] = []

    def say(text: str, /, **_values: object) -> None:
        said.append(text)

    demo(tmp_path_factory.mktemp("demo") / "it's", say=say)
    return said[-1]


def program_of(printed: str, name: str) -> str:
    """The text from the line that says how to install it to the next empty line, as the user copies it."""
    (program,) = [part for part in printed.split("\n\n") if part.startswith(f"# pip install {name}")]
    return program


def paste(program: str, folder: Path, **environment: str) -> str:
    """Give it to an interactive Python, as a user does. It goes on after an error, so stderr is searched for them."""
    command = [sys.executable, "-i", "-q", "-c", ""]
    environment = {**{name: value for name, value in os.environ.items() if "SPARK" not in name}, **environment}
    done = subprocess.run(
        command, input=program, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Error" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["duckdb", "polars"])
def test_the_demo_prints_a_program_that_reads_its_table(printed: str, name: str, tmp_path: Path) -> None:
    said = paste(program_of(printed, name), tmp_path)
    assert {"duckdb": "currency", "polars": "_stripe_created_at"}[name] in said
    assert "usd" in said or f"({CHARGES:_}, 2)" in said or "ch_" in said


@pytest.mark.spark40
def test_the_demo_prints_a_program_for_spark(printed: str, tmp_path: Path) -> None:
    program, lane = program_of(printed, "pyspark"), LANES["spark40"]
    assert f"pip install pyspark=={lane.pyspark} " in program
    assert f'"io.delta:{lane.artifact}:{lane.version}"' in program
    # The lane's settings without those that the program sets itself: on loopback, quiet, and with a cache of jars.
    own = ("spark.jars", "spark.sql.extensions", "spark.sql.catalog.spark_catalog")
    settings = {name: value for name, value in lane.settings(tmp_path / "tables").items() if name not in own}
    settings["spark.jars.ivy"] = str(CACHE / "ivy")
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (tmp_path / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    assert "usd" in paste(program, tmp_path, SPARK_CONF_DIR=str(tmp_path))

"""The lanes: the tables on which the contract's tests run, one lane at a time (`pytest --lane NAME`).

Each lane of Spark is a pair of Spark and Delta that go together, in an environment of its own, since a process has one
Spark. Delta's jars come by Maven into the cache. One session serves a whole run of the tests: starting it takes ten
seconds and more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

CACHE = Path(os.environ.get("XDG_JARS_HOME") or Path.home() / ".cache") / "stripe-raw-rs"
_JARS = CACHE / "jars"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
# The jars that Delta needs and pyspark does not have: Delta itself, from 4.2 on the Unity Catalog's client, and on
# Spark 3.5 the parser's runtime.
_GROUPS = "io.delta,io.unitycatalog,org.antlr"
_POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>stripe-raw-rs</groupId><artifactId>jars</artifactId><version>1</version>
<dependencies><dependency>
<groupId>io.delta</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
</dependency></dependencies></project>
"""
_LOG = Path(__file__).parent / "log4j2.properties"

_QUIET = f"-Dlog4j2.configurationFile={_LOG}"

# Few rows are not worth a compiled plan or one that adapts.
FEW_ROWS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": _QUIET,
}
# In a short session the JVM's compiler takes half of the time, so it is set to do less. By that setting it keeps less
# room for code than Spark needs, and stands still once that is full; so it gets the room that it has otherwise.
SHORT = {
    **FEW_ROWS,
    "spark.driver.extraJavaOptions": f"-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m {_QUIET}",
}


@dataclass(frozen=True)
class Lane:
    """A Spark and the Delta that goes with it."""

    name: str
    pyspark: str
    artifact: str
    version: str
    connect: bool = False

    def unable(self) -> str | None:
        """Say why this machine cannot run the lane; None if it can."""
        missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
        return (
            f"{' and '.join(missing)} missing: Spark needs Java 17, and Maven brings Delta's jars" if missing else None
        )

    def jars(self) -> list[Path]:
        """The paths of Delta's jars, which are fetched if they are not there yet."""
        place = _JARS / f"{self.artifact}-{self.version}"
        if not place.exists():
            _JARS.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=_JARS) as folder:
                pom = Path(folder, "pom.xml")
                pom.write_text(_POM.format(artifact=self.artifact, version=self.version), encoding="utf-8")
                command = ["mvn", "-q", "-B", "-f", str(pom), _PLUGIN, "-DincludeScope=runtime"]
                options = [f"-DincludeGroupIds={_GROUPS}", f"-DoutputDirectory={folder}/jars"]
                fetched = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
                assert fetched.returncode == 0, fetched.stdout[-2000:]
                Path(folder, "jars").rename(place)
        return sorted(place.glob("*.jar"))

    def settings(self, warehouse: Path) -> dict[str, str]:
        """Spark's settings: small, on loopback, and with a time zone that is not UTC."""
        return {
            "spark.master": "local[2]",
            "spark.jars": ",".join(map(str, self.jars())),
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.sql.warehouse.dir": str(warehouse),
            "spark.sql.session.timeZone": "America/New_York",
            "spark.sql.shuffle.partitions": "1",
            "spark.databricks.delta.snapshotPartitions": "1",
            "spark.driver.memory": "2g",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }

    def environment(self, folder: Path, warehouse: Path, more: Mapping[str, str]) -> dict[str, str]:
        """The variables that make any Spark session of a process one of this lane; `folder` is for its settings."""
        lines = [f"{name} {value}" for name, value in {**self.settings(warehouse), **more}.items()]
        folder.mkdir()
        (folder / "spark-defaults.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        # Without it Spark starts its Python workers with any `python3` on the path.
        return {"SPARK_CONF_DIR": str(folder), "PYSPARK_PYTHON": sys.executable}

    def childrens_environment(self, folder: Path, warehouse: Path) -> dict[str, str]:
        """The variables for child processes once the session is there: on Connect they share its server."""
        if not self.connect:
            return self.environment(folder, warehouse, SHORT)
        # The port cannot be chosen, so runs on Connect go one after the other; the client trusts it by this name alone.
        return {"SPARK_REMOTE": "sc://localhost:15002", "SPARK_CONNECT_MODE_ENABLED": "1"}

    def session(self) -> SparkSession:
        """The session of this process, as its environment says; on Connect with a server of its own."""
        from pyspark.sql import SparkSession  # noqa: PLC0415 - other lanes have none

        builder = SparkSession.builder.appName("tests")
        session = builder.remote("local[2]").getOrCreate() if self.connect else builder.getOrCreate()
        assert session.version.startswith(self.pyspark), f"{self.name} has Spark {session.version}"
        return session


LANES = {
    lane.name: lane
    for lane in (
        Lane("spark35", "3.5.9", "delta-spark_2.12", "3.3.3"),
        Lane("spark40", "4.0.5", "delta-spark_2.13", "4.0.1"),
        Lane("spark41", "4.1.1", "delta-spark_4.1_2.13", "4.4.0"),
        Lane("spark42", "4.2.1", "delta-spark_4.2_2.13", "4.4.0"),
        Lane("connect40", "4.0.5", "delta-spark_2.13", "4.0.1", connect=True),
    )
}


def commits_under(warehouse: Path) -> int:
    """Count the Delta commits of all tables of a warehouse."""
    return sum(1 for _ in warehouse.glob("**/_delta_log/*.json"))

"""Programs that read a table with duckdb, polars and pyspark; they run when they are pasted into Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Delta's version goes with Spark's; tests/spark/lanes.py has the pairs that are tested.
_PROGRAMS = """\
# pip install duckdb deltalake pyarrow
import duckdb
from deltalake import DeltaTable
charges = DeltaTable({table!r}).to_pyarrow_dataset()
print(duckdb.sql("SELECT _raw_json->>'$.currency' AS currency, count(*) FROM charges GROUP BY 1"))

# pip install polars deltalake
import polars
print(polars.scan_delta({table!r}).select("_stripe_id", "_stripe_created_at").collect())

# pip install pyspark==4.0.5   (and Java 17)
from pyspark.sql import SparkSession
spark = (
    SparkSession.builder.config("spark.jars.packages", "io.delta:delta-spark_2.13:4.0.1")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .getOrCreate()
)
spark.read.format("delta").load({table!r}).createOrReplaceTempView("charges")
spark.sql("SELECT get_json_object(_raw_json, '$.currency') AS currency, count(*) FROM charges GROUP BY 1").show()
"""


def programs(charges: Path) -> str:
    """Programs that read this table of charges, run from any folder; an empty line ends each."""
    return _PROGRAMS.format(table=str(charges.resolve()))

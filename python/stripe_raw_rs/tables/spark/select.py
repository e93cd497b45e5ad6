"""Reading with data frames: names are quoted, and values are literals of Spark's, never part of a text.

Not SQL with parameters: on Spark 4.1 the parser of Delta 4.4 loses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions

from stripe_raw_rs.tables.spark.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from stripe_raw_rs.tables import Condition


def select(
    session: SparkSession,
    name: str,
    columns: Sequence[str],
    conditions: Sequence[Condition],
    timestamps: Sequence[str] = (),
) -> DataFrame:
    """Choose columns of the rows that meet all conditions. `name` is quoted already.

    The `timestamps` among the columns come as microseconds since 1970: a number means the same in every time zone.
    """
    rows = session.table(name)
    for condition in conditions:
        rows = rows.where(_predicate(*condition))
    return rows.select(
        *(
            functions.unix_micros(_column(column)).alias(column) if column in timestamps else _column(column)
            for column in columns
        )
    )


def _column(name: str) -> Column:
    return functions.col(quoted(name))


def _predicate(column: str, operator: str, value: str | int | None, kind: str) -> Column:
    left = _column(column)
    if value is None:
        return left.isNull()
    right = functions.lit(str(value) if kind == "string" else int(value))
    if kind == "timestamp":
        right = functions.timestamp_micros(right)
    compared: dict[str, Column] = {
        "=": left == right,
        "<>": left != right,
        ">": left > right,
        ">=": left >= right,
    }
    return compared[operator]

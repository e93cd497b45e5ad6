"""Reading with data frames: names are quoted, and values are literals of Spark's, never part of a text.

Not SQL with parameters: on Spark 4.1 the parser of Delta 4.4 loses them.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
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
    alternatives: Sequence[Sequence[Condition]],
    timestamps: Sequence[str] = (),
) -> DataFrame:
    """Choose columns of the rows that meet all conditions of one of the alternatives. `name` is quoted already.

    The `timestamps` among the columns come as microseconds since 1970: a number means the same in every time zone.
    """
    return _where(session, name, alternatives).select(
        *(
            functions.unix_micros(_column(column)).alias(column) if column in timestamps else _column(column)
            for column in columns
        )
    )


def select_largest(
    session: SparkSession, name: str, column: str, by: Sequence[str], conditions: Sequence[Condition]
) -> DataFrame:
    """Find the largest value of a column, behind each combination of texts in others. `name` is quoted already."""
    return _where(session, name, [conditions]).groupBy(*map(_column, by)).agg(functions.max(_column(column)))


def _where(session: SparkSession, name: str, alternatives: Sequence[Sequence[Condition]]) -> DataFrame:
    yes = functions.lit(True)  # noqa: FBT003 - a literal of Spark's
    met = (reduce(and_, (_predicate(*condition) for condition in conditions), yes) for conditions in alternatives)
    return session.table(name).where(reduce(or_, met))


def _column(name: str) -> Column:
    return functions.col(quoted(name))


def _predicate(column: str, operator: str, value: str | int | list[str] | None, kind: str) -> Column:
    left = _column(column)
    if value is None:
        return left.isNull()
    if isinstance(value, list):
        return left.isin(value)
    right = functions.lit(str(value) if kind == "string" else int(value))
    if kind == "timestamp":
        right = functions.timestamp_micros(right)
    compared: dict[str, Column] = {
        "=": left == right,
        "<>": left != right,
        "<": left < right,
        ">": left > right,
        ">=": left >= right,
        "contains": left.contains(right),
    }
    return compared[operator]

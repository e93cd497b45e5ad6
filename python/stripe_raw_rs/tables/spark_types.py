"""Columns of the tables in the words of Arrow, of Spark and of Spark's SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.types import (
    BooleanType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError

if TYPE_CHECKING:
    from pyspark.sql.types import DataType

TIMESTAMP = pa.timestamp("us", "UTC")

# The types that our tables have. Spark widens nothing on append, so each must be exactly the table's.
_TYPES: tuple[tuple[pa.DataType, DataType], ...] = (
    (pa.string(), StringType()),
    (pa.int64(), LongType()),
    (pa.int32(), IntegerType()),
    (pa.bool_(), BooleanType()),
    (TIMESTAMP, TimestampType()),
)


def to_spark(schema: pa.Schema) -> StructType:
    """Say columns in Spark's types."""
    kinds = dict(_TYPES)
    return StructType([StructField(field.name, kinds[field.type], field.nullable) for field in schema])


def to_arrow(columns: StructType, place: str) -> pa.Schema:
    """Say columns in Arrow's types. Raises UsageError where the table at `place` has one that is none of ours."""
    kinds = {kind.typeName(): arrow for arrow, kind in _TYPES}
    for field in columns:
        if field.dataType.typeName() not in kinds:
            message = (
                f"table '{place}' has another schema: column '{plain(field.name)}' is {field.dataType.simpleString()}; "
                "move it away or choose another place"
            )
            raise UsageError(message)
    return pa.schema(
        [pa.field(field.name, kinds[field.dataType.typeName()], nullable=field.nullable) for field in columns]
    )

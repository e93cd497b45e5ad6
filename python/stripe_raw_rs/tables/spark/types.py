"""Columns of the tables in the types of Arrow, of Spark and of Spark's SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

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
    # Of rows that wait: their events.
    (pa.binary(), BinaryType()),
)


def to_spark(schema: pa.Schema) -> StructType:
    """Give columns in Spark's types."""
    kinds = dict(_TYPES)
    return StructType([StructField(field.name, kinds[field.type], field.nullable) for field in schema])


def to_arrow(columns: StructType) -> pa.Schema:
    """Give columns in Arrow's types. A type that is not ours becomes null, with its own name beside it."""
    kinds = {kind.typeName(): arrow for arrow, kind in _TYPES}
    return pa.schema([_field(field, kinds.get(field.dataType.typeName())) for field in columns])


def _field(field: StructField, kind: pa.DataType | None) -> pa.Field:
    if kind is None:
        return pa.field(field.name, pa.null(), field.nullable, metadata={"type": field.dataType.simpleString()})
    return pa.field(field.name, kind, field.nullable)

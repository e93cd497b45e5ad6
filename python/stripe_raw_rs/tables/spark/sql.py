"""Spark's SQL as text: quoted names, and the definition of a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.tables import PAYLOAD_COLUMN

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from pyspark.sql.types import StructType

# Characters that Unity Catalog does not allow in the name of a catalog or schema, or that could end a quoted name.
_NOT_IN_A_NAME = re.compile(r"[`.;/\s\x00-\x1f\x7f]")
_LONGEST_NAME = 255
# The column that tables are clustered by, if they have it.
_CLUSTERED_BY = "_stripe_created_at"
# Name and rule of the constraint that each payload has its hash; Spark keeps it as a property of the table.
CONSTRAINT = "stripe_raw_payload"
_RULE = f"sha2({PAYLOAD_COLUMN}, 256) = _payload_sha256"


def check_name(what: str, name: str) -> None:
    """Refuse an impossible name of a catalog or schema, before anything is sent."""
    if not name or len(name) > _LONGEST_NAME or _NOT_IN_A_NAME.search(name):
        message = (
            f"{what} '{plain(name)}' cannot be used: a name has 1 to {_LONGEST_NAME} characters, "
            "no backtick, dot, semicolon, slash, space or control character among them"
        )
        raise UsageError(message)


def quoted(*parts: str) -> str:
    """Quote each part of a name, and join them by dots."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def create_table(  # noqa: PLR0913 - each is a part of the statement
    name: str,
    columns: pa.Schema,
    types: StructType,
    properties: Mapping[str, str],
    description: str,
    *,
    clustered: bool,
) -> str:
    """Define an append-only table if it is absent. `name` is quoted already."""
    configuration = {
        "delta.appendOnly": "true",
        # The first so many columns have statistics: all but the payload, which is the last.
        "delta.dataSkippingNumIndexedCols": str(len(columns) - (columns.names[-1] == PAYLOAD_COLUMN)),
        **properties,
    }
    pairs = _pairs(configuration)
    cluster = f" CLUSTER BY ({quoted(_CLUSTERED_BY)})" if clustered and _CLUSTERED_BY in columns.names else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {name} ({_columns(columns, types)}) USING DELTA{cluster} "
        f"COMMENT {_literal(description)} TBLPROPERTIES ({pairs})"
    )


def add_constraint(name: str) -> str:
    """Add the constraint that each payload has its hash."""
    return f"ALTER TABLE {name} ADD CONSTRAINT {CONSTRAINT} CHECK ({_RULE})"


def add_columns(name: str, columns: pa.Schema, types: StructType) -> str:
    """Add columns to a table."""
    return f"ALTER TABLE {name} ADD COLUMNS ({_columns(columns, types)})"


def set_properties(name: str, properties: Mapping[str, str]) -> str:
    """Add properties to a table, or give them other values."""
    return f"ALTER TABLE {name} SET TBLPROPERTIES ({_pairs(properties)})"


def _columns(columns: pa.Schema, types: StructType) -> str:
    return ", ".join(
        f"{quoted(field.name)} {types[field.name].dataType.simpleString().upper()}"
        f"{'' if field.nullable else ' NOT NULL'} COMMENT {_literal((field.metadata or {})[b'comment'].decode())}"
        for field in columns
    )


def _pairs(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{_literal(key)} = {_literal(value)}" for key, value in properties.items())


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""The definition of a table of delta-rs: its creation, and the columns that it gets later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltalake import CommitProperties, DeltaTable
from deltalake import Schema as DeltaSchema

from stripe_raw_rs.tables import PAYLOAD_COLUMN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_raw_rs._core import Schema


def create_table(location: str, schema: Schema, properties: Mapping[str, str], description: str) -> None:
    """Create an append-only table, or nothing if another process is faster."""
    names = schema.names
    configuration = {
        "delta.appendOnly": "true",
        # By default delta-rs lets a hundred commits gather, and each append reads them. Measured with 400 commits in a
        # row, twenty make an append take half of that time, and ten no less.
        "delta.checkpointInterval": "20",
        # The first so many columns have statistics: all but the payload, which is the last.
        "delta.dataSkippingNumIndexedCols": str(len(names) - (names[-1] == PAYLOAD_COLUMN)),
        **properties,
    }
    DeltaTable.create(
        location,
        schema,
        mode="ignore",
        description=description,
        configuration=configuration,
        raise_if_key_not_exists=False,  # stripe_raw.* are not keys of Delta's
        # Version 0 or nothing: a retry would put our properties over those of the process that came first.
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def has_columns(table: DeltaTable, schema: Schema) -> bool:
    """Say whether the table has all of these columns."""
    return {*schema.names} <= {field.name for field in table.schema().fields}


def add_columns(table: DeltaTable, schema: Schema) -> None:
    """Add those of the columns that the table lacks, with their comments."""
    there = {field.name for field in table.schema().fields}
    missing = [field for field in DeltaSchema.from_arrow(schema).fields if field.name not in there]
    if missing:
        table.alter.add_columns(missing)

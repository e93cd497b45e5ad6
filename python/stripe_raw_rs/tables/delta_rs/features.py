"""Which tables delta-rs cannot append to, though it reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deltalake import DeltaTable

# What Spark may have given a table and delta-rs 1.6 refuses to write to, by name of the table feature.
_BEYOND = {
    "clustering": "liquid clustering",
    "icebergCompatV1": "Iceberg compatibility",
    "icebergCompatV2": "Iceberg compatibility",
    "inCommitTimestamp": "in-commit timestamps",
    "rowTracking": "row tracking",
    "typeWidening": "type widening",
    "typeWidening-preview": "type widening",
}
_CONSTRAINT = "delta.constraints."


def beyond_delta_rs(table: DeltaTable) -> str | None:
    """Name what a table has that keeps delta-rs from appending to it; None where nothing does."""
    found = sorted({*(table.protocol().writer_features or [])} & _BEYOND.keys())
    # Of the functions in constraints delta-rs knows fewer than Spark.
    found += [name for name in table.metadata().configuration if name.startswith(_CONSTRAINT)]
    named = (_BEYOND.get(name, f"the check constraint {name.removeprefix(_CONSTRAINT)}") for name in found)
    return ", ".join(named) or None

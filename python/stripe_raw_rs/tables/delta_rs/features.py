"""Tables that delta-rs can read but cannot append to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.surface import option

if TYPE_CHECKING:
    from deltalake import DeltaTable

# Features that Spark may have given a table and that delta-rs 1.6 refuses to write to, by name.
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
    """Name the features of a table that keep delta-rs from appending to it; None if there are none."""
    found = sorted({*(table.protocol().writer_features or [])} & _BEYOND.keys())
    # delta-rs knows fewer functions in constraints than Spark does.
    found += [name for name in table.metadata().configuration if name.startswith(_CONSTRAINT)]
    named = (_BEYOND.get(name, f"the check constraint {name.removeprefix(_CONSTRAINT)}") for name in found)
    return ", ".join(named) or None


def require_appendable(table: DeltaTable, location: str) -> None:
    """Refuse a table to which delta-rs cannot append."""
    if what := beyond_delta_rs(table):
        message = (
            f"table '{location}' has {what}, to which delta-rs cannot append: "
            f"write it with Spark ({option('catalog')} and {option('schema')})"
        )
        raise UsageError(message)

"""Opening the location of the tables with its library: a folder with delta-rs, or a catalog with Spark.

Importing `stripe_raw_rs` needs none of the table libraries: each is imported here, when it is first needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypedDict

from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.surface import option

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.tables import Tables

# Older ones have no settings in `QueryBuilder` (1.6.3 and before) or were taken back by their makers (1.6.4, 1.6.5).
# `just test-delta-floor` runs on exactly this one.
OLDEST_DELTALAKE = (1, 6, 6)


class TableOptions(TypedDict, total=False):
    """The location of the tables, and how they are made there.

    Either `lake`, a folder of this machine, written by delta-rs; or `catalog` and `schema`, written by Spark. The rest
    is for Spark alone. `staging_volume`: folder that this process and Spark both see, for a Spark that takes no Arrow.
    `liquid_clustering`: of new raw tables, by `_stripe_created_at`; "auto" is yes on Databricks. `check_payloads`: give
    raw tables a constraint that each payload has its hash.
    """

    lake: str | Path | None
    catalog: str | None
    schema: str | None
    staging_volume: str | None
    liquid_clustering: Literal["auto", "yes", "no"]
    check_payloads: bool


def open_tables(options: TableOptions) -> Tables:
    """Open the location of the tables. Writes nothing yet."""
    lake, catalog, schema = options.get("lake"), options.get("catalog"), options.get("schema")
    if lake is not None and (catalog is not None or schema is not None):
        message = f"a lake and a catalog exclude each other: give {option('lake')}, or {_catalog_options()}"
        raise UsageError(message)
    if catalog is not None and schema is not None:
        return _open_catalog(catalog, schema, options)
    if catalog is not None or schema is not None:
        message = f"{_catalog_options()} belong together: together they say where Spark keeps the tables"
        raise UsageError(message)
    return _open_lake(lake)


def _catalog_options() -> str:
    return f"{option('catalog')} and {option('schema')}"


def _open_lake(lake: str | Path | None) -> Tables:
    if lake is None:
        message = (
            f"it must be said where the tables are: {option('lake')} for a folder of this machine, "
            f"or {_catalog_options()} for Spark's"
        )
        raise UsageError(message)
    _require_deltalake()
    from stripe_raw_rs.tables.delta_rs import DeltaRsTables  # noqa: PLC0415 - only here is the library needed

    return DeltaRsTables(lake)


def _require_deltalake() -> None:
    advice = f"pip install 'deltalake>={'.'.join(map(str, OLDEST_DELTALAKE))}'"
    try:
        import deltalake  # noqa: PLC0415 - only a lake needs it
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "deltalake":
            raise
        message = f"a lake needs the package deltalake: {advice}"
        raise UsageError(message) from None
    found = deltalake.__version__
    if tuple(map(int, re.findall(r"\d+", found)[:3])) < OLDEST_DELTALAKE:
        message = f"deltalake {found} is too old: {advice}"
        raise UsageError(message)


def _open_catalog(catalog: str, schema: str, options: TableOptions) -> Tables:
    try:
        from stripe_raw_rs.tables.spark import SparkTables  # noqa: PLC0415 - only here is the library needed
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("pyspark", "pyarrow"):
            raise
        message = (
            f"a catalog is written by Spark, and {error.name} is not installed here: "
            "run on Databricks, or where Spark is installed"
        )
        raise UsageError(message) from None
    return SparkTables(catalog, schema, options)

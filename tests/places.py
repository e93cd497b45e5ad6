"""The place where tests land: a folder for delta-rs, or a schema of Spark's catalog; the folder's name decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.tables import open_tables

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.tables import TableOptions, Tables

# Spark keeps the tables of schema `name` in `name.db` of its warehouse.
_SCHEMA = ".db"


def schema_folder(warehouse: Path, schema: str) -> Path:
    """The folder in which Spark keeps a schema's tables: for the tests it is a lake like any other."""
    return warehouse / f"{schema}{_SCHEMA}"


def place_of(lake: Path) -> TableOptions:
    """The options of `ingest` by which the tables are in this folder."""
    if lake.suffix == _SCHEMA:
        return {"catalog": "spark_catalog", "schema": lake.stem}
    return {"lake": lake}


def tables_of(lake: Path) -> Tables:
    """The tables in this folder, by the engine that writes it."""
    return open_tables(place_of(lake))


def commits(lake: Path) -> dict[str, int]:
    """Count the commits in the log of each table."""
    return {path.parent.name: sum(1 for _ in path.glob("*.json")) for path in lake.glob("*/_delta_log")}

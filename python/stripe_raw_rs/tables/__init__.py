"""The seam to the tables: what the write protocol asks of them, whoever writes them.

Only modules of this package may import a table library, and each does so when it is first needed: importing
`stripe_raw_rs` stays light, and needs none of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypedDict

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import FencedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stripe_raw_rs._core import Schema

# The one column without data-skipping statistics: minima of JSON texts help nobody and would fill the Delta log.
PAYLOAD_COLUMN = "_raw_json"

Outcome: TypeAlias = Literal["landed", "absent", "superseded"]

# (column, operator, value, type): as the compiled half asks for rows. None with "=" means IS NULL; a "timestamp" is
# in microseconds since 1970.
Condition: TypeAlias = (
    "tuple[str, Literal['=', '<>', '>', '>='], str | int | None, Literal['string', 'long', 'timestamp']]"
)


class ArrowStream(Protocol):
    """Record batches through the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the batches as a capsule."""


class ArrowSchema(Protocol):
    """A schema through the Arrow PyCapsule interface."""

    def __arrow_c_schema__(self) -> object:
        """Export the schema as a capsule."""


class Commit(ArrowStream, Protocol):
    """What becomes one commit of one table; `Rows` and `Checkpoint` are such.

    Exporting it again must give the same rows again: a commit whose outcome was lost is repeated byte by byte.
    """

    @property
    def app_id(self) -> str:
        """Application id of the transaction identifier."""

    @property
    def commit_version(self) -> int:
        """Version of the transaction identifier."""

    @property
    def nonce(self) -> str:
        """What tells this attempt's commits from those of any other."""

    @property
    def metadata(self) -> str:
        """User metadata of the commit, different for each."""

    @property
    def must_be_seen(self) -> bool:
        """Whether it must be seen in the table before anything else is committed."""

    def __len__(self) -> int:
        """Count the rows; none is a fence."""


class CommitUnknownError(Exception):
    """Writing ended in an error, so nobody knows yet whether the commit is in the table. The cause is chained."""


class Table(Protocol):
    """One Delta table."""

    name: str
    location: str
    # Whether `append` passes a version that is taken over without a word, as Spark does: what became of the commit is
    # then for `outcome` to say.
    skips_silently: bool

    def exists(self) -> bool:
        """Tell whether the table is there."""

    def create(self, schema: Schema, properties: Mapping[str, str], description: str) -> None:
        """Create the table, append-only, if it is absent; whose properties won, `properties()` tells."""

    def properties(self) -> dict[str, str]:
        """Read the table's properties."""

    def set_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties to the table, or give them other values."""

    def schema(self) -> ArrowSchema:
        """Read the table's columns."""

    def append(self, commit: Commit) -> None:
        """Append the rows and store the commit's version, both or nothing, if that version is still free.

        A version already stored that is not below ours raises FencedError, unless the stored commit is ours, or
        changes nothing where the table `skips_silently`. Any other failure raises CommitUnknownError.
        """

    def outcome(self, commit: Commit) -> Outcome:
        """Look what became of a commit: it is in the table, it is not, or another one stands in its place.

        Where the table `skips_silently` nobody can tell the last two apart by looking: "absent" may be either.
        """

    def read(self, columns: Sequence[str] | None, conditions: Sequence[Condition]) -> ArrowStream:
        """Stream the rows that meet all conditions, in any order; None reads all columns."""

    def holds_any(self, conditions: Sequence[Condition]) -> bool:
        """Tell whether any row meets all conditions."""

    def distinct(self, columns: Sequence[str], conditions: Sequence[Condition]) -> list[tuple[str | None, ...]]:
        """List the different values of some text columns among those rows, sorted."""


class Tables(Protocol):
    """The place where the tables are."""

    location: str

    def table(self, name: str) -> Table:
        """Name one table; the same object for the same name."""


class Place(TypedDict, total=False):
    """Where the tables are, and how they are made there.

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


def open_tables(place: Place) -> Tables:
    """Open the place where the tables are. Writes nothing yet."""
    lake, catalog, schema = place.get("lake"), place.get("catalog"), place.get("schema")
    if lake is not None and (catalog is not None or schema is not None):
        message = "a lake and a catalog exclude each other: give --lake DIR, or --catalog NAME and --schema NAME"
        raise UsageError(message)
    if catalog is not None and schema is not None:
        return _open_catalog(catalog, schema, place)
    if catalog is not None or schema is not None:
        message = "--catalog NAME and --schema NAME belong together: together they say where Spark keeps the tables"
        raise UsageError(message)
    return _open_lake(lake)


def _open_lake(lake: str | Path | None) -> Tables:
    if lake is None:
        message = (
            "it must be said where the tables are: --lake DIR for a folder of this machine, "
            "or --catalog NAME and --schema NAME for Spark's"
        )
        raise UsageError(message)
    try:
        from stripe_raw_rs.tables.delta_rs import DeltaRsTables  # noqa: PLC0415 - only here is the library needed
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "deltalake":
            raise
        message = "a lake needs the package deltalake: pip install 'stripe-raw-rs[delta]'"
        raise UsageError(message) from None
    return DeltaRsTables(lake)


def _open_catalog(catalog: str, schema: str, place: Place) -> Tables:
    try:
        from stripe_raw_rs.tables.spark import SparkTables  # noqa: PLC0415 - only here is the library needed
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("pyspark", "pyarrow"):
            raise
        message = (
            f"a catalog is written by Spark, and there is no {error.name} here: run it on Databricks or beside Spark"
        )
        raise UsageError(message) from None
    return SparkTables(catalog, schema, place)


_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")


def check_table_name(name: str) -> None:
    """Refuse a table name that is not the same in every catalog and file system."""
    if not _NAME.fullmatch(name):
        message = f"table name '{plain(name)}' must be 1 to 255 letters, digits and underscores"
        raise UsageError(message)


def check_schema(table: Table, wanted: Schema) -> None:
    """Refuse a table that is there with other columns. Writes nothing."""
    difference = wanted.difference(table.schema()) if table.exists() else None
    if difference is not None:
        message = f"table '{table.location}' has another schema: {difference}; move it away or choose another place"
        raise UsageError(message)


def fenced(table: Table) -> FencedError:
    """Say that another process has the entity now."""
    message = (
        f"another process took over in table '{table.name}': what it commits stands, and this process stops; "
        "run again when it is done"
    )
    return FencedError(message)

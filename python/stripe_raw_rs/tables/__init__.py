"""The seam to the tables: what the write protocol asks of them, whoever writes them.

Only modules of this package may import a table library, and each does so when it is first needed: importing
`stripe_raw_rs` stays light, and needs none of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import FencedError, TableError, UsageError
from stripe_raw_rs.tables.opening import TableOptions as TableOptions
from stripe_raw_rs.tables.opening import open_tables as open_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stripe_raw_rs._core import Promise, Schema

# The one column without data-skipping statistics: minima of JSON texts help nobody and would fill the Delta log.
PAYLOAD_COLUMN = "_raw_json"

Answer = TypeVar("Answer")
Outcome: TypeAlias = Literal["landed", "absent", "superseded"]
Kept: TypeAlias = Literal["all", "some", "none"]

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


class Damage(NamedTuple):
    """Something wrong with a table's files."""

    what: str
    remedy: str


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

    def damage(self) -> Damage | None:
        """Look what is wrong with the table's files; None where nothing is, or where nobody can look at them."""

    def properties(self) -> dict[str, str]:
        """Read the table's properties."""

    def set_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties to the table, or give them other values."""

    def schema(self) -> ArrowSchema:
        """Read the table's columns. A type that Arrow has no word for stands as null, with its own name beside it."""

    def append(self, commit: Commit) -> None:
        """Append the rows and store the commit's version, both or nothing, if that version is still free.

        Columns are matched by name. Others, which the table's owner added, are left null, and the table gets none.

        A version already stored that is not below ours raises FencedError, unless the stored commit is ours, or
        changes nothing where the table `skips_silently`. Any other failure raises CommitUnknownError.
        """

    def outcome(self, commit: Commit) -> Outcome:
        """Look what became of a commit: it is in the table, it is not, or another one stands in its place.

        Where the table `skips_silently` nobody can tell the last two apart by looking: "absent" may be either.
        """

    def kept(self, promise: Promise) -> Kept:
        """Look what is left of what events tell of: all of it, only some, or no row of the account.

        Commits are what may be lost. Rows that their owner erased are not: their commits are still told of.
        """

    def read(self, columns: Sequence[str], conditions: Sequence[Condition]) -> ArrowStream:
        """Stream some columns of the rows that meet all conditions, in any order."""

    def distinct(self, columns: Sequence[str], conditions: Sequence[Condition]) -> list[tuple[str | None, ...]]:
        """List the different values of some text columns among those rows, sorted."""


class Tables(Protocol):
    """The place where the tables are."""

    location: str

    def table(self, name: str) -> Table:
        """Name one table; the same object for the same name."""


_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")


def check_table_name(name: str) -> None:
    """Refuse a table name that is not the same in every catalog and file system."""
    if not _NAME.fullmatch(name):
        message = f"table name '{plain(name)}' must be 1 to 255 letters, digits and underscores"
        raise UsageError(message)


def check_schema(table: Table, wanted: Schema) -> None:
    """Refuse a table that is there and that rows of the `wanted` columns do not fit into. Writes nothing."""
    difference = wanted.difference(table.schema()) if table.exists() else None
    if difference is not None:
        message = f"table '{table.location}' has another schema: {difference}; mend the column or choose another place"
        raise UsageError(message)


def asked(table: Table, question: Callable[[], Answer]) -> Answer:
    """Ask something for which the table is read. Where it fails for the table's files, say so: which, and what to do.

    A stream is read when it is used, so this belongs around its use.
    """
    try:
        return question()
    except TableError as error:
        damage = table.damage()
        if damage is None:
            raise
        message = f"table '{table.location}' cannot be read: {damage.what}; {damage.remedy}"
        raise TableError(message) from error


def fenced(table: Table) -> FencedError:
    """Say that another process has the entity now."""
    message = (
        f"another process took over in table '{table.name}': what it commits stands, and this process stops; "
        "run again when it is done"
    )
    return FencedError(message)

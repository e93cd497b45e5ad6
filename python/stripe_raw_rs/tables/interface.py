"""The types of the interface to the tables: what the write protocol needs, whichever library writes the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stripe_raw_rs._core import Promise, Schema

Outcome: TypeAlias = Literal["landed", "absent", "superseded"]
Kept: TypeAlias = Literal["all", "some", "none"]

# (column, operator, value, type): as the compiled half asks for rows. None with "=" means IS NULL; "in" has a list of
# texts; "contains" means that the value is part of the text; a "timestamp" is in microseconds since 1970.
Operator: TypeAlias = Literal["=", "<>", "<", ">", ">=", "in", "contains"]
Condition: TypeAlias = "tuple[str, Operator, str | int | list[str] | None, Literal['string', 'long', 'timestamp']]"


class ArrowStream(Protocol):
    """Record batches through the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the batches as a capsule."""


class ArrowSchema(Protocol):
    """A schema through the Arrow PyCapsule interface."""

    def __arrow_c_schema__(self) -> object:
        """Export the schema as a capsule."""


class Commit(ArrowStream, Protocol):
    """The content of one commit of one table: `Rows` and `Checkpoint` are such.

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
        """A text that distinguishes this attempt's commits from those of any other."""

    @property
    def metadata(self) -> str:
        """User metadata of the commit, different for each."""

    @property
    def must_be_seen(self) -> bool:
        """Whether it must be seen in the table before anything else is committed."""

    def __len__(self) -> int:
        """Count the rows; a commit without rows is a fence."""


class CommitUnknownError(Exception):
    """Writing ended in an error, so nobody knows yet whether the commit is in the table. The cause is chained."""


class Damage(NamedTuple):
    """Something wrong with a table's files."""

    what: str
    remedy: str


class Size(NamedTuple):
    """How much a reader of the table has to open: it shows whether the table is in order."""

    # Files of the table's newest version, and their bytes.
    files: int
    bytes: int
    # Commits since the last checkpoint of the log, which a reader reads one by one; None if nobody can know.
    log_entries: int | None
    # Rows of the newest version; None if the log does not say.
    rows: int | None = None


class Table(Protocol):
    """One Delta table."""

    name: str
    location: str
    # Whether `append` silently skips a version that is taken, as Spark does: `outcome` then says whether the commit
    # landed.
    skips_silently: bool

    def exists(self) -> bool:
        """Say whether the table is there."""

    def create(self, schema: Schema, properties: Mapping[str, str], description: str) -> None:
        """Create the table, append-only, if it is absent; `properties()` shows whose properties it has."""

    def damage(self) -> Damage | None:
        """Find out what is wrong with the table's files; None if nothing is, or if nobody can look at them."""

    def properties(self) -> dict[str, str]:
        """Read the table's properties."""

    def set_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties to the table, or give them other values."""

    def add_columns(self, schema: Schema) -> None:
        """Add columns that all allow null, with their comments; columns that are there already are left."""

    def schema(self) -> ArrowSchema:
        """Read the table's columns. A type that Arrow does not have is given as null, with its own name beside it."""

    def append(self, commit: Commit) -> None:
        """Append the rows and store the commit's version, both or nothing, if that version is still free.

        Columns are matched by name. Columns that the table's owner added are left null, and no column is added.

        If the table has stored a version that is not below ours, this raises FencedError, unless the stored commit is
        ours; if the table `skips_silently`, it changes nothing. Any other failure raises CommitUnknownError.
        """

    def maintain(self) -> str | None:
        """Keep the table in order: few files, a short log, the same rows. Returns what was done; None for nothing."""

    def size(self) -> Size | None:
        """Count the table's files and the entries of its log; None if nobody can know."""

    def outcome(self, commit: Commit) -> Outcome:
        """Look up the outcome of a commit: it is in the table, it is not, or another one stands in its place.

        If the table `skips_silently`, the last two look the same: "absent" may be either.
        """

    def kept(self, promise: Promise) -> Kept:
        """Say how many of the rows that events report are still there: all, only some, or no row of the account.

        Only commits count as lost. Rows that their owner erased do not: the table still records their commits.
        """

    def read(self, columns: Sequence[str], conditions: Sequence[Condition]) -> ArrowStream:
        """Stream some columns of the rows that meet all conditions, in any order."""

    def read_any(self, columns: Sequence[str], alternatives: Sequence[Sequence[Condition]]) -> ArrowStream:
        """Stream some columns of the rows that meet all conditions of one of the alternatives at least."""

    def largest(
        self, column: str, by: Sequence[str], conditions: Sequence[Condition]
    ) -> dict[tuple[str | None, ...], int]:
        """Of the rows that meet all conditions, find the largest value of a column of whole numbers.

        There is one for each combination of texts in the columns `by`.
        """

    def distinct(self, columns: Sequence[str], conditions: Sequence[Condition]) -> list[tuple[str | None, ...]]:
        """List the different values of some text columns among those rows, sorted."""


class Tables(Protocol):
    """The location of the tables."""

    location: str

    def table(self, name: str) -> Table:
        """Name one table; the same object for the same name."""

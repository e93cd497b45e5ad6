"""The types of tables whose engine has processes of its own: these fetch rows, which wait until they are appended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from stripe_raw_rs.tables.interface import ArrowStream, Commit


class WaitingTable(Protocol):
    """A table in which rows wait."""

    def fill(self, tasks: int, fetch: Callable[[int], Iterator[pa.RecordBatch]], columns: pa.Schema) -> None:
        """Run `fetch` for each number below `tasks`, each in a process of the engine, and write what it gives."""

    def stop(self) -> None:
        """End the filling that is under way in another thread; it raises TableError there."""

    def rows(self, columns: Sequence[str], empty: str) -> object:
        """Give the rows in which the column `empty` is null, as a frame of the engine that has these columns."""

    def counts(self, by: Sequence[str], empty: str) -> ArrowStream:
        """Count these rows for each combination of values."""

    def texts(self, column: str) -> Iterator[bytes]:
        """Give the values of a binary column that are not null."""


@runtime_checkable
class Engine(Protocol):
    """Tables whose engine has processes of its own."""

    def lacks_processes(self) -> str | None:
        """Say why they must not fetch rows; None if they may."""

    def waiting(self, name: str, number: int) -> AbstractContextManager[WaitingTable]:
        """Make a table for rows of the attempt with this number; it does not last."""

    def drop_waiting(self, name: str, number: int) -> None:
        """Drop what attempts of up to this number have left; what cannot be dropped is a warning in the log."""


class WaitingRows:
    """The rows of a commit that wait where the engine finds them, as a frame of its own."""

    def __init__(self, commit: Commit, frame: object, count: int) -> None:
        """Take the commit without rows, the frame, and the number of rows that it has."""
        self.app_id = commit.app_id
        self.commit_version = commit.commit_version
        self.nonce = commit.nonce
        self.metadata = commit.metadata
        self.must_be_seen = commit.must_be_seen
        self.frame = frame
        self._commit = commit
        self._count = count

    def __len__(self) -> int:
        """Count the rows."""
        return self._count

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export no row: they are with the engine."""
        return self._commit.__arrow_c_stream__(requested_schema)

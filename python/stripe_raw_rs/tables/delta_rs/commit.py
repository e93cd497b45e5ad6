"""One commit to a Delta table by delta-rs: written, and looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arro3.core import RecordBatchReader
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.writer import ColumnProperties, WriterProperties

from stripe_raw_rs.tables import PAYLOAD_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stripe_raw_rs.tables import Commit, Outcome

# Threads and processes that append to one table retry against each other, not against faults: delta-rs' own 15
# retries are too few for five of them.
COMMIT_RETRIES = 1000
# A commit group is one file; its size is bounded where it is gathered.
_TARGET_FILE_SIZE = 1 << 40
# No two values of these columns are the same, and nobody asks for a range of the unordered ones.
_UNORDERED = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
WRITER = WriterProperties(
    compression="ZSTD",
    compression_level=1,
    column_properties={
        "_stripe_id": ColumnProperties(dictionary_enabled=False),
        "_payload_sha256": _UNORDERED,
        "_content_sha256": _UNORDERED,
        PAYLOAD_COLUMN: _UNORDERED,
    },
)
# A file of a few events is mostly its footer: compressing them takes a quarter of the time of the commit, and saves
# next to nothing. Upkeep writes them together with others, compressed.
_FEW_EVENTS = 32
_PLAIN = WriterProperties(compression="UNCOMPRESSED")
# Our commits are looked for right after they were tried, so they are among the newest. Beyond this a commit counts as
# somebody else's, which stops the run and loses nothing.
_HISTORY = 1000


def outcome_of(table: DeltaTable, commit: Commit) -> Outcome:
    """Look up the outcome of a commit, by the transaction's version and by the table's history."""
    stored = table.transaction_version(commit.app_id)
    if stored is None or stored < commit.commit_version:
        return "absent"
    history: Iterable[Mapping[str, object]] = table.history(_HISTORY)
    is_ours = any(commit.metadata in str(entry.get("userMetadata", "")) for entry in history)
    return "landed" if is_ours else "superseded"


def write(table: DeltaTable, commits: Sequence[Commit]) -> None:
    """Append the rows of all, and store their versions, as one file and one Delta commit."""
    rows = _rows(commits)
    # "merge" makes delta-rs leave a column null. It would also add columns to the table: so it is chosen only
    # where the table has all of ours, at the very version that is written to.
    is_narrower = set(rows.schema.names) < {field.name for field in table.schema().fields}
    is_small = sum(map(len, commits)) <= _FEW_EVENTS and PAYLOAD_COLUMN not in rows.schema.names
    # That of one alone stays as it is: versions before this one compare it as a whole.
    metadata = [commit.metadata for commit in commits]
    write_deltalake(
        table,
        rows,
        mode="append",
        schema_mode="merge" if is_narrower else None,
        target_file_size=_TARGET_FILE_SIZE,
        writer_properties=_PLAIN if is_small else WRITER,
        commit_properties=CommitProperties(
            app_transactions=[Transaction(commit.app_id, commit.commit_version) for commit in commits],
            custom_metadata={"userMetadata": metadata[0] if len(metadata) == 1 else f"[{','.join(metadata)}]"},
            max_commit_retries=COMMIT_RETRIES,
        ),
    )


def _rows(commits: Sequence[Commit]) -> RecordBatchReader:
    if len(commits) == 1:
        return RecordBatchReader.from_arrow(commits[0])
    readers = [RecordBatchReader.from_arrow(commit) for commit in commits]
    return RecordBatchReader.from_batches(readers[0].schema, [batch for reader in readers for batch in reader])

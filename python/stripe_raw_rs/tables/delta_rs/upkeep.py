"""Keeping a table in order: few files, and a short log. Its rows stay the same.

Each run appends small files, and each reader opens all of them and reads the log from its last checkpoint on. So the
cost of a run would grow with the number of runs before it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deltalake import CommitProperties, DeltaTable

from stripe_raw_rs.tables import MOST_SMALL_FILES, SMALL_FILE, Size
from stripe_raw_rs.tables.delta_rs.commit import COMMIT_RETRIES, WRITER
from stripe_raw_rs.tables.delta_rs.features import beyond_delta_rs
from stripe_raw_rs.tables.delta_rs.folder import as_text
from stripe_raw_rs.tables.delta_rs.log import hinted_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Tiny files are first written together into middle ones, and those into large ones: if each file were written again
# until it is large, that would be most of the cost.
_TINY_FILE = SMALL_FILE // 4
_MOST_MIDDLE_FILES = 8
# Delta's own interval. Measured, reading twenty commits takes as long as writing a checkpoint of the log.
_MOST_COMMITS = 10


def maintain(table: DeltaTable, folder: Path) -> str | None:
    """Keep the table in that folder in order. Returns what was done; None for nothing, or if delta-rs may not write."""
    if _size_to_reach(table) is None and not _has_many_commits(table, folder):
        return None
    with _alone(folder) as is_alone:
        if not is_alone:
            return None
        table = DeltaTable(as_text(folder))
        if beyond_delta_rs(table) is not None:
            return None
        fewer, is_shorter = _compact(table), _shorten_log(table, folder)
    done = [f"{fewer:,} files fewer"] * bool(fewer) + ["a shorter log"] * is_shorter
    return ", ".join(done) or None


def size_of(table: DeltaTable, folder: Path) -> Size:
    """Count the table's files and rows, and the commits since the last checkpoint of its log."""
    files = table.get_add_actions()
    sizes, rows = files["size_bytes"].to_pylist(), files["num_records"].to_pylist()
    # A file without statistics does not say how many rows it has.
    in_all = None if None in rows else sum(rows)
    return Size(len(sizes), sum(sizes), _commits_since_checkpoint(table, folder), in_all)


def _size_to_reach(table: DeltaTable) -> int | None:
    """Say up to which size files are to be written together; None if there are not many small ones."""
    sizes = table.get_add_actions()["size_bytes"].to_pylist()
    if sum(_TINY_FILE <= size < SMALL_FILE for size in sizes) > _MOST_MIDDLE_FILES:
        return SMALL_FILE
    return _TINY_FILE if sum(size < _TINY_FILE for size in sizes) > MOST_SMALL_FILES else None


def _has_many_commits(table: DeltaTable, folder: Path) -> bool:
    return _commits_since_checkpoint(table, folder) >= _MOST_COMMITS


def _commits_since_checkpoint(table: DeltaTable, folder: Path) -> int:
    last = hinted_checkpoint(folder / "_delta_log")
    return table.version() - (-1 if last is None else last)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Say whether nobody else maintains the table until this ends; the lock of a process that is killed ends with it.

    delta-rs 1.6 does not notice if another process has written the same small files together in the meantime: both
    commits land, and each row is there twice.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has no such locks
    except ImportError:
        yield False
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Another process has the lock, or the disk has no locks.
            yield False
        else:
            yield True
    finally:
        os.close(place)


def _compact(table: DeltaTable) -> int:
    """Write small files together, if there are many. Returns how many files fewer there are.

    It is one commit without changes of data: a reader sees the files before it or those after it. Appends of others do
    not conflict with it. The files before it stay in the folder until Delta's retention (7 days) is over; those of
    earlier times are removed then.
    """
    target = _size_to_reach(table)
    if target is None:
        return 0
    properties = CommitProperties(max_commit_retries=COMMIT_RETRIES)
    metrics = table.optimize.compact(
        target_size=target, max_concurrent_tasks=1, writer_properties=WRITER, commit_properties=properties
    )
    table.vacuum(dry_run=False, commit_properties=properties)
    return int(metrics["numFilesRemoved"]) - int(metrics["numFilesAdded"])


def _shorten_log(table: DeltaTable, folder: Path) -> bool:
    """Write a checkpoint of the log, if there are many commits since the last one. Returns whether it did.

    Then commits before it are removed once Delta's retention (30 days) is over.
    """
    if not _has_many_commits(table, folder):
        return False
    table.create_checkpoint()
    table.cleanup_metadata()
    return True

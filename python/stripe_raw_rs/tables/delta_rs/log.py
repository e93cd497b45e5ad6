"""The damaged file of a table that cannot be read, or that has lost commits, and what to do about it.

delta-rs names no file when it cannot read a table's log. This module looks through the log once something is wrong.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from stripe_raw_rs.tables import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deltalake import DeltaTable

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\..*parquet")
_HINT = "_last_checkpoint"
# The bytes that a Parquet file begins and ends with.
_MAGIC = b"PAR1"
_RESTORE = "restore it from a backup, or land everything into another lake"


def unreadable(folder: Path) -> Damage | None:
    """Find what keeps delta-rs from reading the table's log; None if it is all there."""
    log = folder / "_delta_log"
    commits, checkpoints = _versions(log, _COMMIT), _versions(log, _CHECKPOINT)
    return next(_in_checkpoints(log, commits, checkpoints), None) or next(_in_commits(commits, checkpoints), None)


def emptied(folder: Path) -> Damage | None:
    """Find a commit file of no bytes. delta-rs reads it as a commit of nothing, so it may explain lost commits."""
    log = folder / "_delta_log"
    newest = max(_versions(log, _CHECKPOINT), default=-1)
    empty = (file for version, file in _versions(log, _COMMIT).items() if version > newest and not _has_bytes(file))
    return next((Damage(f"its commit file {_quoted(file)} is empty", _RESTORE) for file in empty), None)


def missing_data(table: DeltaTable, folder: Path) -> Damage | None:
    """Find a data file of the table that is not there, or not as long as it was."""
    files = table.get_add_actions()
    for path, size in zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True):
        file = folder / path
        if not file.exists():
            return Damage(f"its file '{path}' is missing", _RESTORE)
        if file.stat().st_size != size:
            return Damage(f"its file '{path}' has {file.stat().st_size:,} of {size:,} bytes", _RESTORE)
    return None


def _in_checkpoints(log: Path, commits: dict[int, Path], checkpoints: dict[int, Path]) -> Iterator[Damage]:
    """Find damaged checkpoints of the log. None is needed if the commits before it are there."""
    hint, hinted = log / _HINT, hinted_checkpoint(log)
    broken = [version for version, file in checkpoints.items() if not _is_parquet(file)]
    whole = max((version for version in checkpoints if version not in broken), default=-1)
    if hinted is not None and max(checkpoints, default=-1) < hinted:
        what, superfluous = f"its checkpoint file of version {hinted} is missing or empty", [hint]
    elif broken and max(broken) > whole:
        file = checkpoints[max(broken)]
        what, superfluous = f"its checkpoint file {_quoted(file)} is torn", [file, *([hint] if hint.exists() else [])]
    else:
        return
    needed = range(whole + 1, max(commits, default=-1) + 1)
    if needed and all(version in commits and _has_bytes(commits[version]) for version in needed):
        names = " and ".join(_quoted(file) for file in superfluous)
        yield Damage(what, f"remove {names}: its commit files say the same")
    else:
        yield Damage(what, _RESTORE)


def _in_commits(commits: dict[int, Path], checkpoints: dict[int, Path]) -> Iterator[Damage]:
    """Find damaged commits above the newest checkpoint."""
    first, last = max(checkpoints, default=-1) + 1, max(commits, default=-1)
    for version in range(first, last + 1):
        file = commits.get(version)
        if file is None:
            yield Damage(f"its commit file '_delta_log/{version:020}.json' is missing", _RESTORE)
        elif version == 0 and not _has_bytes(file):
            yield Damage(f"its commit file {_quoted(file)} is empty", _RESTORE)
        elif not _is_json(file):
            what = f"its commit file {_quoted(file)} is torn"
            alone = "restore it from a backup, or remove it: the next run then finds out what else it needs"
            yield Damage(what, alone if version == last > 0 else _RESTORE)


def _versions(log: Path, name: re.Pattern[str]) -> dict[int, Path]:
    """Files of one kind, by version. A checkpoint of no bytes does not count, for delta-rs either."""
    files = sorted(log.iterdir()) if log.is_dir() else []
    found = [(match, file) for file in files if (match := name.fullmatch(file.name)) is not None]
    return {int(match[1]): file for match, file in found if name is _COMMIT or _has_bytes(file)}


def hinted_checkpoint(log: Path) -> int | None:
    """The version of the last checkpoint, as the log's own hint says it."""
    try:
        return int(json.loads((log / _HINT).read_bytes())["version"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _has_bytes(file: Path) -> bool:
    return file.stat().st_size > 0


def _is_json(file: Path) -> bool:
    try:
        return all(isinstance(json.loads(line), dict) for line in file.read_bytes().splitlines() if line.strip())
    except ValueError:
        return False


def _is_parquet(file: Path) -> bool:
    content = file.read_bytes()
    return content[:4] == content[-4:] == _MAGIC and len(content) > 2 * len(_MAGIC)


def _quoted(file: Path) -> str:
    return f"'_delta_log/{file.name}'"


def has_rows(table: DeltaTable) -> bool:
    """Say whether the log counts any row; False if it does not count."""
    return any(count for count in table.get_add_actions()["num_records"].to_pylist())

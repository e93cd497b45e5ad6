"""The folder of a lake: the rules for its name, for the folders in it, and for its disk."""

from __future__ import annotations

import errno
import os
import re
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.surface import option

# Texts that delta-rs 1.6 cannot have in a table's path, given as a path or as a URL. It panics at some of these, takes
# others for the end of a URL and finds no history then, and decodes `%41` on one of the ways to a file.
_BEYOND = re.compile(r"[\x00-\x1f\x7f#?\[\]^|\\\ud800-\udfff]|%[0-9A-Fa-f]{2}|(?<=/)_delta_log(?=/)")
# Room for the names of tables and of their files below the lake, in bytes: the longest table name, a commit file.
_ROOM = 255 + 100
# The errors of a disk without hard links. Delta-rs makes each commit file by one: of two writers one must lose.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EXDEV, errno.EMLINK})


class LakeFolder:
    """The folder of a lake, under its name without links."""

    def __init__(self, lake: str | Path) -> None:
        """Name the folder, and refuse a name that cannot be used. Nothing is made yet."""
        if not str(lake).strip() or "://" in str(lake):
            message = f"lake '{plain(lake)}' must name a folder of this machine"
            raise UsageError(message)
        try:
            self.path = Path(lake).expanduser().resolve()
        except (OSError, RuntimeError, ValueError) as error:
            message = f"lake '{plain(lake)}' is not a folder: {plain(error)}"
            raise UsageError(message) from None
        _check_name(self.path)
        self._lock = threading.Lock()
        self._has_links = False

    def table(self, name: str) -> Path:
        """Name the folder of one table. Through a link, rows would land outside the lake or in another table."""
        folder = self.path / name
        for part in (folder, folder / "_delta_log"):
            if part.is_symlink():
                message = (
                    f"table '{folder}' is not in the lake: '{part}' is a symbolic link; put the folder itself there"
                )
                raise UsageError(message)
        return folder

    def require_writable(self, table: Path) -> None:
        """Make the lake's folder if it is absent, and refuse one that no table could be written to.

        Payloads are personal data, so a folder that is made here is its owner's alone.
        """
        with self._lock:
            made = self._make()
            try:
                for folder in (self.path, table, table / "_delta_log"):
                    self._require_rights(folder)
                if not self._has_links:
                    self._require_links()
                self._has_links = True
            except BaseException:
                _remove(made)
                raise

    def _make(self) -> list[Path]:
        """Make the folder and the missing ones above it. Returns those it made, the outermost first."""
        made: list[Path] = []
        try:
            for folder in reversed([one for one in (self.path, *self.path.parents) if not one.exists()]):
                with suppress(FileExistsError):
                    folder.mkdir(mode=0o700 if folder == self.path else 0o777)
                    made.append(folder)
            # If a file has that name, this says so.
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            _remove(made)
            message = f"lake '{plain(self.path)}' cannot be created: {plain(error.strerror or error)}"
            raise UsageError(message) from None
        return made

    def _require_rights(self, folder: Path) -> None:
        if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            message = f"lake '{plain(self.path)}' is not writable: '{folder}' is not a folder that this user may write"
            raise UsageError(message)

    def _require_links(self) -> None:
        """Try a hard link before anything is written: without them a commit fails after its rows are written."""
        probe = self.path / f".stripe_raw_{uuid4().hex}"
        linked = probe.with_suffix(".link")
        try:
            probe.touch(mode=0o600, exist_ok=False)
            os.link(probe, linked)
        except OSError as error:
            if error.filename2 is not None and error.errno in _NO_LINKS:
                message = (
                    f"lake '{plain(self.path)}' is on a disk without hard links, by which delta-rs commits: "
                    f"choose another disk; on Databricks give {option('catalog')} and {option('schema')} "
                    "in place of a lake"
                )
                raise UsageError(message) from None
            # Any other fault of the disk shows when something is really written.
        finally:
            for file in (linked, probe):
                with suppress(OSError):
                    file.unlink()


def as_text(path: Path) -> str:
    """The path as delta-rs takes it: its bytes read as UTF-8, in any locale of this process."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def _check_name(path: Path) -> None:
    if path == Path(path.anchor):
        message = f"lake '{path}' is the root of this machine: choose a folder in it"
        raise UsageError(message)
    found = _BEYOND.search(f"{as_text(path)}/")
    if found is not None:
        message = (
            f"lake '{plain(path)}' cannot be used: its path has {_named(found[0])}, "
            "and delta-rs cannot work with that; choose another folder"
        )
        raise UsageError(message)
    if max(len(os.fsencode(part)) for part in path.parts) > os.pathconf(path.anchor, "PC_NAME_MAX"):
        message = f"lake '{plain(path)}' cannot be used: a folder's name in its path is too long"
        raise UsageError(message)
    if len(os.fsencode(path)) + _ROOM > os.pathconf(path.anchor, "PC_PATH_MAX"):
        message = f"lake '{plain(path)}' cannot be used: its path is too long for the names of the tables' files"
        raise UsageError(message)


def _named(sign: str) -> str:
    if "\ud800" <= sign[0] <= "\udfff":
        return "a byte that is not UTF-8"
    return f"'{sign}'" if sign.isprintable() else f"the character U+{ord(sign):04X}"


def _remove(folders: list[Path]) -> None:
    """Remove folders that were made in vain, as far as they are empty."""
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()

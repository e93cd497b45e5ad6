"""Owners of runs: the name of this process, and whether the process behind another name is known to be gone."""

from __future__ import annotations

import os
import socket


def default_owner() -> str:
    """Name this process: `<hostname>/<pid>`."""
    return f"{socket.gethostname()}/{os.getpid()}"


def is_dead(owner: str | None) -> bool:
    """Say whether `owner` is a process of this host that no longer exists; anything doubtful counts as alive."""
    host, separator, process = (owner or "").rpartition("/")
    if not separator or host != socket.gethostname() or not process.isascii() or not process.isdigit():
        return False
    # Signal 0 asks without doing anything; if the platform has no such question, the process counts as alive.
    if os.name != "posix" or int(process) == 0:
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False

"""Colors on a terminal, used sparingly: for the words that say that something went wrong, and for states in tables."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

RED, GREEN, YELLOW = 31, 32, 33
_STATES = {
    "complete": GREEN,
    "readable": GREEN,
    "failed": RED,
    "unreadable": RED,
    "permission missing": RED,
    "missing": RED,
    "not available": RED,
    "held": YELLOW,
    "interrupted": YELLOW,
    "unfinished": YELLOW,
    "running": YELLOW,
    "not tried": YELLOW,
}
# The second column of a table: at least two spaces stand between columns.
_STATE = re.compile(rf"^(\S+ {{2,}})({'|'.join(_STATES)})(?= {{2}}|$)", re.MULTILINE)


def is_colored(choice: str, stream: TextIO, variable: Callable[[str], str | None] = os.getenv) -> bool:
    """Say whether a stream gets colors: as `--color` says, else as the usual variables do, else on terminals only."""
    if choice != "auto":
        return choice == "always"
    if variable("NO_COLOR"):
        return False
    if any(variable(name) not in (None, "", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    # A notebook's or a job runner's stream need not have all methods of a file.
    is_terminal: bool = getattr(stream, "isatty", bool)()
    return is_terminal and variable("TERM") != "dumb"


def paint(text: str, color: int) -> str:
    """Give a text a color."""
    return f"\x1b[{color}m{text}\x1b[0m"


def painted_states(table: str) -> str:
    """Give the states in a table their colors."""
    return _STATE.sub(lambda found: found[1] + paint(found[2], _STATES[found[2]]), table)

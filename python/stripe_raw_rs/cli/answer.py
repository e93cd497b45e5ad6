"""What a command prints: text for people, or JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from stripe_raw_rs.cli.colors import is_colored, painted_states

if TYPE_CHECKING:
    from typing import TextIO

    from stripe_raw_rs.config import Config


class Answer:
    """The standard output of one command. As JSON it is one object in each line, which begins with the command."""

    def __init__(self, config: Config) -> None:
        self._command = config.command
        self.is_json = "output" in config.written and config.chosen("output") == "json"
        self._is_colored = is_colored(config.chosen("color"), sys.stdout) and not self.is_json
        # What the terminal has room for; None if it is none, or does not say.
        self.columns = _columns(sys.stdout)

    def give(self, text: str, /, **values: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Print the text; as JSON, print the values, if there are any."""
        if not self.is_json:
            _print(painted_states(text) if self._is_colored else text)
        elif values:
            _print(json.dumps({"command": self._command, **values}))


def _columns(stream: TextIO) -> int | None:
    # A notebook's or a job runner's stream need not have all methods of a file.
    if not getattr(stream, "isatty", bool)():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

"""The command as a child process, with the fake key in its environment."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def call(*arguments: object, key: str | None = KEY, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=variables(key, environment), capture_output=True, text=True, timeout=120, check=False
    )


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "stripe_raw_rs", *map(str, arguments)]


def variables(key: str | None, more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **({} if key is None else {"STRIPE_API_KEY": key}), **more}


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments), env=variables(KEY, {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def on_terminal(*arguments: object, lines: int = 40, columns: int = 100) -> str:
    """The text that the stderr of a command shows on a terminal of that size."""
    shown, code = run_on_terminal(command(*arguments), variables(KEY, {}), (lines, columns), stdout=subprocess.PIPE)
    assert code == 0, shown
    return shown


def run_on_terminal(
    line: Sequence[str],
    environment: dict[str, str],
    size: tuple[int, int],
    *,
    folder: Path | None = None,
    stdout: int | None = None,
) -> tuple[str, int]:
    """Run a command on a terminal with so many lines and columns: what it writes there, and its exit code.

    Its stdout may be elsewhere.
    """
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    out = end if stdout is None else stdout
    with subprocess.Popen(line, cwd=folder, env={**environment, "TERM": "xterm"}, stdout=out, stderr=end) as child:
        os.close(end)
        shown = b""
        # A terminal whose other end is closed answers with an error.
        with suppress(OSError):
            while piece := os.read(terminal, 65_536):
                shown += piece
        code = child.wait(60)
    os.close(terminal)
    return shown.decode(), code

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

from tests.conftest import KEY


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
    """The text that a command shows on a terminal of that size."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = variables(KEY, {"TERM": "xterm"})
    with subprocess.Popen(command(*arguments), env=environment, stdout=subprocess.PIPE, stderr=end) as child:
        os.close(end)
        shown = b""
        # A terminal whose other end is closed answers with an error.
        with suppress(OSError):
            while piece := os.read(terminal, 65_536):
                shown += piece
        assert child.wait(60) == 0, shown
    os.close(terminal)
    return shown.decode()

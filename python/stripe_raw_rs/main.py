"""The command line `stripe-raw`, and the entry point `main` of wheel tasks."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_raw_rs._core import one_line
from stripe_raw_rs.cli.arguments import as_far_as_possible, parse
from stripe_raw_rs.cli.colors import RED, is_colored, paint
from stripe_raw_rs.cli.commands import execute
from stripe_raw_rs.cli.log import last_line
from stripe_raw_rs.cli.memory import return_freed_memory
from stripe_raw_rs.exceptions import StripeRawError, UsageError
from stripe_raw_rs.surface import command_line
from stripe_raw_rs.text import error_line

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the arguments say: return when it is done, raise if it failed.

    Without a subcommand the main job runs, so named parameters of a job's wheel task are enough:
    `main(["--catalog=main", "--schema=stripe_raw"])`.
    """
    with command_line():
        try:
            config = parse(sys.argv[1:] if argv is None else argv)
        finally:
            # A key may stand in the arguments by mistake: no traceback may show it.
            del argv
        execute(config)


def console() -> int:
    """Do what the command line says, and answer with an exit code: errors are one line on stderr."""
    return_freed_memory()
    _open_streams()
    # Paths and messages may hold what this terminal cannot show; a question mark is better than no answer.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()
    except StripeRawError as error:
        # The log has already reported how each list ended.
        mistakes = error.mistakes if isinstance(error, UsageError) else ()
        return _failed([*map(one_line, mistakes)] or [error.summary or one_line(error)], error.exit_code)
    except KeyboardInterrupt as error:
        _failed([one_line(error)], 130, "interrupted")
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads may still be at work after a second Ctrl-C. An interpreter that ends around them can crash; the user
        # asked to leave at once, and the tables are safe against it.
        os._exit(130)
    except BrokenPipeError:
        # The reader has closed the output. The interpreter flushes once more at exit, to nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: any error becomes one line
        return _failed([error_line(error)], 1)
    return 0


def _open_streams() -> None:
    """Open a place to write to if the parent process has closed stdout or stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for as long as the process


def _failed(lines: Sequence[str], exit_code: int, what: str = "error") -> int:
    """Write the last lines, which say what went wrong, in the format of the log."""
    config = as_far_as_possible(sys.argv[1:])
    # A terminal that has gone changes no exit code.
    with suppress(OSError):
        word = paint(what, RED) if is_colored(config.chosen("color"), sys.stderr) else what
        for line in lines:
            if config.chosen("log_format") == "json":
                said = line if what == "error" else f"{what}: {line}".removesuffix(": ")
                sys.stderr.write(last_line(said, exit_code) + "\n")
            else:
                sys.stderr.write(f"stripe-raw: {word}: {line}".removesuffix(": ") + "\n")
    return exit_code

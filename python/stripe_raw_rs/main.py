"""The command line `stripe-raw`, and the entry point `main` of wheel tasks."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stripe_raw_rs import _core, demo, status, verify
from stripe_raw_rs._core import plain
from stripe_raw_rs.arguments import parse
from stripe_raw_rs.exceptions import StripeRawError
from stripe_raw_rs.key_check import check
from stripe_raw_rs.live import LiveLines
from stripe_raw_rs.log import configure_log
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.pipeline import ingest
from stripe_raw_rs.report import error_line, text_table
from stripe_raw_rs.tables import open_tables
from stripe_raw_rs.tables.delta_memory import keep_little

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from stripe_raw_rs.config import Config


# Of the objects that a list refused, those that `status` shows; the rest is counted.
_SHOWN_REFUSED = 3


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the arguments say: return when it is done, raise where it failed.

    Without a subcommand the main job runs, so named parameters of a job's wheel task are enough:
    `main(["--catalog=main", "--schema=stripe_raw"])`.
    """
    try:
        config = parse(sys.argv[1:] if argv is None else argv)
    finally:
        # Where a key stands that does not belong there, no traceback is to show it.
        del argv
    commands: dict[str, Callable[[Config], None]] = {
        "run": _run,
        "check": _check,
        "entities": _entities,
        "demo": _demo,
        "status": _status,
        "verify": _verify,
        "simulate": _simulate,
    }
    with panics_as_errors():
        commands[config.command](config)


def console() -> int:
    """Do what the command line says, and answer with an exit code: errors are one line on stderr."""
    keep_little()
    try:
        main()
        sys.stdout.flush()
    except StripeRawError as error:
        sys.stderr.write(f"stripe-raw: error: {plain(error)}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("stripe-raw: interrupted\n")
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads may still be at work after a second Ctrl-C. An interpreter that ends around them can crash; leaving
        # at once is what was asked for, and the tables are safe against it.
        os._exit(130)
    except BrokenPipeError:
        # Whoever read the output has seen enough. The interpreter flushes once more at exit, into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: one line, whatever it was
        sys.stderr.write(f"stripe-raw: error: {error_line(error)}\n")
        return 1
    return 0


def _run(config: Config) -> None:
    json_log = config.log_format() == "json"
    live = LiveLines(sys.stderr) if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not json_log else None
    _configure_log(config, (lambda: None) if live is None else live.clear)
    with _terminable():
        report = ingest(
            entities=config.text("entities") or "",
            api_key_file=config.text("api_key_file"),
            stripe_secret_scope=config.text("stripe_secret_scope"),
            stripe_secret_key=config.text("stripe_secret_key"),
            stripe_account=config.text("stripe_account"),
            checkpoint_table=config.text("checkpoint_table"),
            owner=config.text("owner"),
            start=config.start(),
            take_over=config.flag("take_over"),
            give_up=config.give_up(),
            bundle_target=config.text("bundle_target"),
            display=live,
            **config.place(),
            **config.client_options(),
        )
    _print(json.dumps(report.to_dict()) if json_log else str(report))
    report.raise_for_status()


def _check(config: Config) -> None:
    _configure_log(config)
    found = check(
        entities=config.text("entities") or "",
        api_key_file=config.text("api_key_file"),
        stripe_secret_scope=config.text("stripe_secret_scope"),
        stripe_secret_key=config.text("stripe_secret_key"),
        stripe_account=config.text("stripe_account"),
        **config.client_options(),
    )
    _print(json.dumps(found.to_dict()) if config.log_format() == "json" else str(found))
    found.raise_for_status()


def _entities(config: Config) -> None:
    if config.log_format() == "json":
        about = ("name", "path", "object", "table", "permission", "note")
        names = (*about, "time_field", "has_window", "can_vanish", "default")
        _print(json.dumps([{name: getattr(entity, name) for name in names} for entity in _core.entities("all")]))
        return
    rows = [
        (entity.name, entity.path, "default" if entity.default else "", entity.note) for entity in _core.entities("all")
    ]
    _print("\n".join(f"{name:<32} {path:<40} {default:<8} {note}".rstrip() for name, path, default, note in rows))


def _demo(config: Config) -> None:
    _configure_log(config)
    with _terminable():
        demo.demo(config.text("lake") or "demo-lake", say=_print)


def _status(config: Config) -> None:
    _configure_log(config)
    found = status.status(
        open_tables(config.place()),
        lookback_seconds=config.whole_number("lookback_seconds"),
        checkpoint_table=config.required("checkpoint_table"),
    )
    if config.log_format() == "json":
        _print(json.dumps([row.to_dict() for row in found]))
        return
    _print(text_table(status.HEADINGS, [row.cells() for row in found]))
    for row in found:
        _print(f"{row.label}: next: {row.next_run}" + (f"; last error: {row.error}" if row.error else ""))
        more = len(row.refused) - _SHOWN_REFUSED
        for line in (*row.refused[:_SHOWN_REFUSED], *([f"and {more:,} more"] if more > 0 else [])):
            _print(f"{row.label}: refused: {line}")


def _verify(config: Config) -> None:
    _configure_log(config)
    verify.verify(open_tables(config.place()), checkpoint_table=config.required("checkpoint_table"), say=_print)


def _simulate(config: Config) -> None:
    _configure_log(config)
    with _terminable():
        demo.simulate(
            port=config.whole_number("port"),
            seed=config.whole_number("seed"),
            objects=config.whole_number("objects"),
            rate_limit=config.number("rate_limit"),
            latency_ms=config.whole_number("latency_ms"),
            faults=config.text("faults"),
            say=_print,
        )


def _configure_log(config: Config, before: Callable[[], None] = lambda: None) -> None:
    configure_log(config.log_format(), verbose=config.flag("verbose"), before=before)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def _terminable() -> Iterator[None]:
    """Treat SIGTERM, by which job runners stop a process, like Ctrl-C. Only the main thread may arrange it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)

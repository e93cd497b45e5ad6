"""The subcommands of `stripe-raw`: options in, text or JSON out."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.cli import demo
from stripe_raw_rs.cli.live import live_lines
from stripe_raw_rs.cli.log import configure_log
from stripe_raw_rs.entity_list import Entities
from stripe_raw_rs.key_check import try_lists
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.pipeline import land
from stripe_raw_rs.report import IngestInterrupted
from stripe_raw_rs.status import read_status
from stripe_raw_rs.verify import run_verify
from stripe_raw_rs.views import views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from stripe_raw_rs.cli.live import LiveLines
    from stripe_raw_rs.config import Config
    from stripe_raw_rs.report import Report
    from stripe_raw_rs.value import Value


@panics_as_errors()
def execute(config: Config) -> None:
    """Do what a command line says. Raises if it fails."""
    commands: dict[str, Callable[[Config], None]] = {
        "run": _run,
        "check": _check,
        "entities": _entities,
        "demo": _demo,
        "status": _status,
        "verify": _verify,
        "views": _views,
        "simulate": _simulate,
    }
    commands[config.command](config)


def _run(config: Config) -> None:
    live = _configure_log(config)
    try:
        with _terminable():
            report = land(None, {**config.keywords(), "display": live})
    except IngestInterrupted as interrupted:
        _print_report(config, interrupted.report)
        raise
    _print_report(config, report)
    report.raise_for_status()


def _print_report(config: Config, report: Report) -> None:
    _print(json.dumps(report.to_dict()) if _is_json(config) else report.table())


def _check(config: Config) -> None:
    _configure_log(config)
    found = try_lists(None, config.keywords())
    _answer(config, found)
    found.raise_for_status()


def _entities(config: Config) -> None:
    _answer(config, Entities(_core.all_entities()))


def _demo(config: Config) -> None:
    live = _configure_log(config)
    with _terminable():
        demo.demo(config.text("lake") or "demo-lake", say=_print, display=live)


def _status(config: Config) -> None:
    _configure_log(config)
    _answer(config, read_status(config.keywords()))


def _verify(config: Config) -> None:
    _configure_log(config)
    if _is_json(config):
        found = run_verify(config.keywords())
        _answer(config, found)
    else:
        found = run_verify(config.keywords(), say=_print)
    found.raise_for_status()
    if not _is_json(config):
        _print("no findings")


def _views(config: Config) -> None:
    _configure_log(config)
    entities, checkpoint_table = config.text("entities") or "", config.required("checkpoint_table")
    statements = views(entities=entities, checkpoint_table=checkpoint_table, **config.table_options())
    _print(json.dumps(statements) if _is_json(config) else "\n\n".join(f"{statement};" for statement in statements))


def _simulate(config: Config) -> None:
    _configure_log(config)
    with _terminable():
        demo.simulate(
            port=config.whole_number("port"),
            seed=config.whole_number("seed"),
            objects=config.whole_number("objects"),
            connected_accounts=config.whole_number("connected_accounts"),
            account_objects=config.whole_number("account_objects"),
            rate_limit=config.number("rate_limit"),
            latency_ms=config.whole_number("latency_ms"),
            faults=config.text("faults"),
            say=_print,
        )


def _answer(config: Config, value: Value) -> None:
    _print(json.dumps(value.to_dict()) if _is_json(config) else str(value))


def _is_json(config: Config) -> bool:
    return config.log_format() == "json"


def _configure_log(config: Config) -> LiveLines | None:
    """Write the log to stderr; if that is a terminal, above lines that show how far the lists are."""
    live = None if _is_json(config) else live_lines(sys.stderr)
    around = nullcontext if live is None else live.away
    configure_log(config.log_format(), verbose=config.flag("verbose"), around=around)
    return live


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

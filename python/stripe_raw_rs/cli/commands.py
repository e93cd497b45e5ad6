"""The subcommands of `stripe-raw`: options in, text or JSON out."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.cli import demo, query
from stripe_raw_rs.cli.answer import Answer
from stripe_raw_rs.cli.colors import is_colored
from stripe_raw_rs.cli.completions import completions
from stripe_raw_rs.cli.help import help_of
from stripe_raw_rs.cli.live import live_lines
from stripe_raw_rs.cli.log import JsonFormatter, TextFormatter, configure_log
from stripe_raw_rs.cli.settings import show_settings
from stripe_raw_rs.entity_list import Entities
from stripe_raw_rs.key_check import try_lists
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.pipeline import land
from stripe_raw_rs.plan import look_ahead
from stripe_raw_rs.report import IngestInterrupted
from stripe_raw_rs.status import read_status
from stripe_raw_rs.verify import run_verify
from stripe_raw_rs.views import views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from stripe_raw_rs.cli.live import LiveLines
    from stripe_raw_rs.config import Config
    from stripe_raw_rs.value import Value


@panics_as_errors()
def execute(config: Config) -> None:
    """Do what a command line says. Raises if it fails."""
    commands: dict[str, Callable[[Config, Answer], None]] = {
        "run": _run,
        "plan": _plan,
        "check": _check,
        "entities": _entities,
        "demo": _demo,
        "status": _status,
        "verify": _verify,
        "views": _views,
        "query": _query,
        "simulate": _simulate,
        "completions": lambda config, answer: answer.give(completions(config.written["shell"].text)),
        "help": _help,
        "version": lambda _, answer: answer.give(f"stripe-raw {_core.__version__}"),
    }
    answer = Answer(config)
    if config.flag("show_settings"):
        show_settings(config, answer)
        return
    with config.blaming():
        commands[config.command](config, answer)


def _run(config: Config, answer: Answer) -> None:
    if config.flag("dry_run"):
        _plan(config, answer)
        return
    live = _configure_log(config)
    try:
        with _terminable():
            report = land(None, {**config.keywords(), "display": live})
    except IngestInterrupted as interrupted:
        answer.give(interrupted.report.table(answer.columns), **interrupted.report.to_dict())
        raise
    answer.give(report.table(answer.columns), **report.to_dict())
    report.raise_for_status()


def _plan(config: Config, answer: Answer) -> None:
    _configure_log(config)
    found = look_ahead(None, config.keywords())
    _give(answer, found)
    found.raise_for_status()


def _check(config: Config, answer: Answer) -> None:
    _configure_log(config)
    found = try_lists(None, config.keywords())
    _give(answer, found)
    found.raise_for_status()


def _help(config: Config, answer: Answer) -> None:
    topic = config.written.get("topic")
    answer.give(help_of(None if topic is None else topic.text))


def _entities(config: Config, answer: Answer) -> None:
    _configure_log(config)
    _give(answer, Entities(_core.all_entities()))


def _demo(config: Config, answer: Answer) -> None:
    live = _configure_log(config)
    with _terminable():
        demo.demo(config.text("lake") or "demo-lake", say=answer.give, display=live, columns=answer.columns)


def _status(config: Config, answer: Answer) -> None:
    _configure_log(config)
    _give(answer, read_status(config.keywords()))


def _verify(config: Config, answer: Answer) -> None:
    _configure_log(config)
    if answer.is_json:
        found = run_verify(config.keywords())
        _give(answer, found)
    else:
        found = run_verify(config.keywords(), say=answer.give)
    found.raise_for_status()
    answer.give("no findings")


def _views(config: Config, answer: Answer) -> None:
    _configure_log(config)
    entities, checkpoint_table = config.text("entities") or "", config.required("checkpoint_table")
    statements = views(entities=entities, checkpoint_table=checkpoint_table, **config.table_options())
    answer.give("\n\n".join(f"{statement};" for statement in statements), statements=statements)


def _query(config: Config, answer: Answer) -> None:
    _configure_log(config)
    word = config.written.get("statement")
    statement = query.statement_of(None if word is None else word.text, sys.stdin)
    output = "json" if answer.is_json else "text"
    query.run(statement, config.required("lake"), config.text("checkpoint_table"), output)


def _simulate(config: Config, answer: Answer) -> None:
    _configure_log(config)
    with _terminable():
        demo.simulate(
            port=config.whole_number("port"),
            seed=config.whole_number("seed"),
            objects=config.whole_number("objects"),
            connected_accounts=config.whole_number("connected_accounts"),
            account_objects=config.whole_number("account_objects"),
            sublist_items=config.whole_number("sublist_items"),
            rate_limit=config.number("rate_limit"),
            latency_ms=config.whole_number("latency_ms"),
            faults=config.text("faults"),
            say=answer.give,
        )


def _give(answer: Answer, value: Value) -> None:
    answer.give(value.to_text(answer.columns), **value.to_dict())


def _configure_log(config: Config) -> LiveLines | None:
    """Write the log to stderr; if that is a terminal, above lines that show how far the lists are."""
    is_json, is_quiet = config.chosen("log_format") == "json", config.flag("quiet")
    live = None if is_json or is_quiet else live_lines(sys.stderr)
    formatter = JsonFormatter() if is_json else TextFormatter(colored=is_colored(config.chosen("color"), sys.stderr))
    level = logging.ERROR if is_quiet else logging.DEBUG if config.flag("verbose") else logging.INFO
    configure_log(formatter, level, nullcontext if live is None else live.away)
    return live


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

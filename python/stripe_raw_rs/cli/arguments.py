"""Reading the command line: subcommand first, then its options, with the environment behind them."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, NoReturn

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain, stray_secret, without_secrets
from stripe_raw_rs.config import Config
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import COMMANDS, OPTIONS, CommandRow, OptionRow, in_environment, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EPILOG = """examples:
  stripe-raw demo
  STRIPE_API_KEY=rk_... stripe-raw run --lake ./lake --entities charges,refunds
  stripe-raw status --lake ./lake

Each option is also an environment variable: --page-size is STRIPE_RAW_PAGE_SIZE. The key is read from
STRIPE_API_KEY or --api-key-file, never from an option's value.
'stripe-raw COMMAND --help' lists the options of a command."""


def parse(arguments: Sequence[str], variable: Callable[[str], str | None] = os.getenv) -> Config:
    """Read a command line. Without a subcommand it is `run`, which is how named parameters of a job arrive.

    A word with a secret is masked before anything else, so that neither a message nor a traceback's variables show it.
    """
    words = [_hyphenated(without_secrets(word)) for word in arguments]
    del arguments
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words = ["run", *words]
    if words[0] not in COMMANDS and not words[0].startswith("-"):
        message = f"unknown command '{plain(words[0])}'{nearest(words[0], COMMANDS)}; see stripe-raw --help"
        raise UsageError(message)
    known, strangers = _parser().parse_known_args(words)
    if strangers:
        raise _unknown(strangers[0], COMMANDS[known.command])
    command = COMMANDS[known.command]
    # An empty value counts as not given: job parameters that nobody filled in have it.
    given = {name: value for name in command.options if (value := getattr(known, name))}
    written = {**in_environment(command.options, given, variable), **given}
    if error := stray_secret(written):
        raise error
    return Config(command.name, written)


def wants_json(arguments: Sequence[str], variable: Callable[[str], str | None] = os.getenv) -> bool:
    """Say whether a command line asks for JSON, even if something else is wrong with it."""
    wanted = variable(OPTIONS["log_format"].variable)
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = _hyphenated(word).partition("=")
        if name == OPTIONS["log_format"].flag:
            wanted = value if equals else after
    return wanted == "json"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        line = f"{plain(message)}; see {self.prog} --help"
        raise UsageError(line)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="stripe-raw",
        description="Lands everything a Stripe account holds as raw, immutable rows in Delta tables.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"stripe-raw {_core.__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        subparser = subparsers.add_parser(command.name, help=command.help, allow_abbrev=False)
        for name in command.options:
            _add(subparser, OPTIONS[name])
    return parser


def _add(parser: argparse.ArgumentParser, row: OptionRow) -> None:
    default = f" [default: {row.default}]" if row.default else ""
    line = (row.help + default).replace("%", "%%")
    if row.kind == "flag":
        # Job parameters are named and have values (--take-over=true); on a command line the bare word is enough.
        parser.add_argument(row.flag, dest=row.name, nargs="?", const="yes", metavar="yes|no", help=line)
    else:
        parser.add_argument(row.flag, dest=row.name, metavar=row.metavar, help=line)


def _hyphenated(word: str) -> str:
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


def _unknown(word: str, command: CommandRow) -> UsageError:
    # Only the name is repeated: the rest may be a secret.
    name = word.partition("=")[0]
    if name in ("--api-key", "--key"):
        return UsageError(
            "the key is not given as an option, where other users and the shell's history would see it: "
            "set STRIPE_API_KEY or use --api-key-file"
        )
    if not name.startswith("-"):
        return UsageError(f"unexpected argument '{plain(name)}'; options begin with --")
    near = nearest(name, [OPTIONS[option].flag for option in command.options])
    return UsageError(f"unknown option '{plain(name)}' of {command.name}{near}; see stripe-raw {command.name} --help")

"""Reading the command line: subcommand first, then its options, with the environment and the settings file behind."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from stripe_raw_rs._core import plain, stray_secret, without_secrets
from stripe_raw_rs.checks import mistakes_in
from stripe_raw_rs.cli.words import Words
from stripe_raw_rs.config import SOURCES, Config
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import COMMANDS, OPTIONS, OUTPUT
from stripe_raw_rs.suggestions import nearest
from stripe_raw_rs.surface import option
from stripe_raw_rs.written import Written, behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stripe_raw_rs.options import CommandRow


def parse(arguments: Sequence[str], variable: Callable[[str], str | None] = os.getenv) -> Config:
    """Read a command line. Without a subcommand it is `run`, which is how named parameters of a job arrive.

    A word with a secret is masked before anything else, so that neither a message nor a traceback's variables show it.
    Raises UsageError for all mistakes at once.
    """
    name, *words = _with_command([without_secrets(word) for word in arguments])
    del arguments
    if name == "version":
        return Config("version", {})
    if name not in COMMANDS:
        message = f"unknown command '{plain(name)}'{nearest(name, COMMANDS)}; see stripe-raw --help"
        raise UsageError(message)
    read = Words(COMMANDS[name], words)
    if read.wants_help:
        return Config("help", {"topic": Written(name)})
    given, mistakes = _given(read), [*read.mistakes, *_mistakes_in_word(COMMANDS[name], read)]
    written = given
    try:
        written = {**_behind(COMMANDS[name], given, variable), **given}
    except UsageError as error:
        mistakes += error.mistakes or [str(error)]
    mistakes += mistakes_in(written)
    config = Config(name, written)
    if not mistakes and config.flag("quiet") and config.flag("verbose"):
        mistakes.append(f"{option('quiet')} and {option('verbose')} exclude each other")
    if mistakes:
        raise UsageError.of(mistakes)
    return config


def _behind(
    command: CommandRow, given: Mapping[str, Written], variable: Callable[[str], str | None]
) -> dict[str, Written]:
    """Read the environment and the settings file, if the command takes anything from there."""
    if not command.options:
        return {}
    try:
        return behind(command.options, given, given, variable)
    except UsageError:
        # What needs no setting works beside a file that nobody named, whatever that says.
        if {*command.options} - {*OUTPUT} or given.get("profile") or _is_named(given, variable):
            raise
    return behind(command.options, {**given, "settings": Written(os.devnull)}, given, variable)


def _is_named(given: Mapping[str, Written], variable: Callable[[str], str | None]) -> bool:
    return bool(given.get("settings") or any(variable(OPTIONS[name].variable) for name in SOURCES))


def _mistakes_in_word(command: CommandRow, read: Words) -> Iterator[str]:
    """Say what is wrong with the word of a command that has no options."""
    row = command.word
    if row is None or row.name in OPTIONS:
        return
    if row.name == "statement":
        if error := stray_secret({"the statement": read.given.get(row.name, "")}):
            yield str(error)
        return
    choices, word = row.choices or tuple(COMMANDS), read.given.get(row.name)
    if word and word not in choices:
        yield f"unknown {row.metavar.lower()} '{plain(word)}'{nearest(word, choices)}; see stripe-raw --help"
    elif row.choices and not word:
        yield f"{command.name} needs a {row.metavar.lower()}: {', '.join(choices)}"


def as_far_as_possible(arguments: Sequence[str], variable: Callable[[str], str | None] = os.getenv) -> Config:
    """Read how a command line wants to be answered, even if something is wrong with it."""
    name, *words = _with_command([without_secrets(word) for word in arguments])
    command = COMMANDS.get(name, COMMANDS["run"])
    written: dict[str, Written] = {}
    # It is asked for an error's last line: whatever fails here would hide the error.
    with suppress(Exception):
        written = given = _given(Words(command, words))
        written = {**_behind(command, given, variable), **given}
    names = ("log_format", "color")
    return Config(
        command.name, {name: written[name] for name in names if name in written and _is_usable(name, written[name])}
    )


def _with_command(words: list[str]) -> list[str]:
    first = words[0] if words else ""
    if first in ("-h", "--help"):
        return ["help"]
    if first == "--version":
        return ["version"]
    return ["run", *words] if not words or first.startswith("-") else words


def _given(words: Words) -> dict[str, Written]:
    # An empty value counts as not given: job parameters that nobody filled in have it.
    return {name: Written(value) for name, value in words.given.items() if value}


def _is_usable(name: str, written: Written) -> bool:
    return written.text in OPTIONS[name].choices

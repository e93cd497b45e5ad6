"""What callers of `ingest` and `check` give by name, with the environment behind it, as on the command line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core
from stripe_raw_rs._core import holds_secret, masked, plain
from stripe_raw_rs.config import COMMAND_LINE_ONLY, Config
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import COMMANDS, OPTIONS, in_environment, nearest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from stripe_raw_rs._core import ApiKey, _Options
    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.tables import Place, Tables

    class CheckKeywords(_Options, total=False):
        """Keywords of `check`."""

        entities: str | Iterable[str] | None
        stripe_account: str | None
        api_key: str | ApiKey | None
        api_key_file: str | Path | None
        stripe_secret_scope: str | None
        stripe_secret_key: str | None

    class IngestKeywords(CheckKeywords, Place, total=False):
        """Keywords of `ingest`."""

        tables: Tables | None
        checkpoint_table: str | None
        owner: str | None
        start: str | date | int | None
        take_over: bool
        give_up: Literal["restart", "scratch"] | None
        bundle_target: str | None
        display: Display | None


# Keywords without an option of that name on the command line.
_PYTHON_ONLY = {
    "run": ("tables", "api_key", "give_up", "display"),
    "check": ("api_key", *(option.name for option in _core.options())),
}
# What has no text that could hold a secret.
_OBJECTS = ("tables", "display")
_PATHS = ("lake", "staging_volume", "api_key_file", "ca_file")


def keyword_names(command: str) -> list[str]:
    """Name the keywords that the library's function for a command takes."""
    options = (name for name in COMMANDS[command].options if name not in COMMAND_LINE_ONLY)
    return list(dict.fromkeys([*options, *_PYTHON_ONLY[command]]))


def signature(command: str) -> inspect.Signature:
    """Make the function's signature, for `help` and editors: what is None is as if it were not given."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([inspect.Parameter(name, kind, default=None) for name in keyword_names(command)])


def take_key(given: dict[str, Any]) -> ApiKey | None:
    """Take the key out of what is given: a text that is a key stands in no variable while anything can go wrong."""
    key = given.pop("api_key", None)
    try:
        return None if key is None else _core.ApiKey(key)
    except TypeError:
        message = "api_key must be a text or an ApiKey"
        raise UsageError(message) from None
    finally:
        del key


def with_environment(
    command: str, given: dict[str, Any], variable: Callable[[str], str | None] = os.getenv
) -> dict[str, Any]:
    """Give the keywords of a call, those that are not None, with the environment's behind them.

    Raises UsageError for a name that is none, for a value of another type, and for one that holds a secret: in `given`
    it is masked first, since the caller's traceback shows it.
    """
    given.update({name: _shown(name, value) for name, value in given.items()})
    names = keyword_names(command)
    for name in given:
        if name not in names:
            message = f"unknown option '{plain(name)}'{nearest(name, names)}"
            raise UsageError(message)
    said = {name: _usable(name, value) for name, value in given.items() if value is not None}
    options = [name for name in COMMANDS[command].options if name not in ("log_format", "verbose")]
    behind = in_environment(options, said, variable)
    if error := _core.stray_secret({**behind, **{name: said[name] for name in said if name not in _OBJECTS}}):
        raise error
    texts = {name: value for name, value in said.items() if isinstance(value, str) and name in OPTIONS}
    return {**said, **Config(command, {**behind, **texts}).keywords()}


def _shown(name: str, value: object) -> object:
    if name in _OBJECTS or value is None or not holds_secret(str(value)):
        return value
    return masked(str(value))


def _usable(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever the caller gave
    """Give a value as the options have it, the names of entities as one text. Raises UsageError for another type."""
    if name in _OBJECTS or name == "api_key":
        return value
    if name == "entities" and not isinstance(value, (str, bytes)) and isinstance(value, Iterable):
        names = list(value)
        value = ",".join(names) if all(isinstance(entity, str) for entity in names) else names
    kind = OPTIONS[name].kind if name in OPTIONS else "text"
    allowed: tuple[type, ...] = (str,)
    what = "a text"
    if name == "entities":
        what = "a text or a list of texts"
    elif name == "start":
        allowed, what = (str, date, int), "a text, a date, a datetime or whole seconds since 1970"
    elif name in _PATHS:
        allowed, what = (str, Path), "a text or a pathlib.Path"
    elif kind == "flag":
        allowed, what = (str, bool), "True or False"
    elif kind != "text":
        allowed, what = (str, int, float), "a number"
    if not isinstance(value, allowed):
        message = f"{name} must be {what}, not {plain(repr(value))}"
        raise UsageError(message)
    return value

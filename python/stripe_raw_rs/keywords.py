"""The keywords of the library's functions, with the environment behind them, as on the command line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain, without_secrets
from stripe_raw_rs.config import COMMAND_LINE_ONLY, PATHS, Config
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import COMMANDS, OPTIONS, in_environment, nearest
from stripe_raw_rs.surface import OTHER_KEYWORDS
from stripe_raw_rs.tables import TableOptions, open_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from stripe_raw_rs._core import ApiKey, _Options
    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.tables import Tables

    class CheckKeywords(_Options, total=False):
        """Keywords of `check`."""

        entities: str | Iterable[str] | None
        stripe_account: str | None
        api_key: str | ApiKey | None
        api_key_file: str | Path | None
        stripe_secret_scope: str | None
        stripe_secret_key: str | None

    class IngestKeywords(CheckKeywords, TableOptions, total=False):
        """Keywords of `ingest`."""

        tables: Tables | None
        accounts: str | Path | Iterable[str] | None
        checkpoint_table: str | None
        owner: str | None
        start: str | date | int | None
        take_over: bool
        give_up: Literal["restart", "scratch"] | None
        bundle_target: str | None
        maintenance: Literal["auto", "no"]
        display: Display | None

    class TablesKeywords(TableOptions, total=False):
        """Keywords of what reads the tables: `latest`."""

        tables: Tables | None
        checkpoint_table: str | None

    class VerifyKeywords(TablesKeywords, total=False):
        """Keywords of `verify`."""

        accounts: str | Path | Iterable[str] | None

    class StatusKeywords(VerifyKeywords, total=False):
        """Keywords of `status`."""

        lookback_seconds: int


# Keywords without an option of that name on the command line.
_PYTHON_ONLY = {
    "run": ("tables", "api_key", "give_up", "display"),
    "check": ("api_key", *(option.name for option in _core.options())),
    **dict.fromkeys(("status", "verify", "latest"), ("tables",)),
}
# Functions that are no command, with the options that are keywords of theirs.
_FUNCTIONS = {"latest": ("lake", "catalog", "schema", "checkpoint_table")}
# Keywords that are not texts: a method that the value must have, and what to call it.
_OBJECTS = {"tables": ("table", "an object with the methods of Tables"), "display": ("tick", "a Display")}
# Keywords that may be lists of texts.
_LISTS = ("entities", "accounts")
# Keywords of more types than a text.
_MORE_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "entities": ((str,), "a text or a list of texts"),
    "accounts": ((str, Path), "a text, a list of texts or a pathlib.Path"),
    "start": ((str, date, int), "a text, a date, a datetime or whole seconds since 1970"),
}


def keyword_names(command: str) -> list[str]:
    """Name the keywords that the library's function for a command takes."""
    options = (name for name in _options_of(command) if name not in COMMAND_LINE_ONLY)
    return list(dict.fromkeys([*options, *_PYTHON_ONLY[command]]))


def _options_of(command: str) -> tuple[str, ...]:
    return _FUNCTIONS.get(command) or COMMANDS[command].options


def signature(command: str, *first: str) -> inspect.Signature:
    """Make the function's signature, for `help` and editors: a keyword that is None counts as not given."""
    kind, named = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    keywords = (inspect.Parameter(name, kind, default=None) for name in keyword_names(command))
    return inspect.Signature([*(inspect.Parameter(name, named) for name in first), *keywords])


def place_of(options: Mapping[str, Any]) -> Tables:
    """Open the tables that keywords name: those of a caller's own, or where the options say."""
    given: Tables | None = options.get("tables")
    place = {name: value for name, value in options.items() if name in TableOptions.__annotations__}
    return open_tables(cast("TableOptions", place)) if given is None else given


def take_key(given: dict[str, Any]) -> ApiKey | None:
    """Take the key out of the keywords: no variable may hold a key's text while anything can go wrong."""
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
    """Give those keywords of a call that are not None, with the environment's behind them.

    Raises UsageError for an unknown name, for a value of another type, and for a value that holds a secret: that value
    is first masked in `given`, since the caller's traceback shows it.
    """
    _mask_secrets(given)
    names = keyword_names(command)
    for name in given:
        if name not in names:
            meant = f", write {OTHER_KEYWORDS[name]}" if name in OTHER_KEYWORDS else nearest(name, names)
            message = f"unknown option '{plain(name)}'{meant}"
            raise UsageError(message)
    said = {name: value for name, value in given.items() if value is not None}
    options = [name for name in _options_of(command) if name not in ("log_format", "verbose")]
    behind = in_environment(options, said, variable)
    if error := _core.stray_secret({**behind, **{name: said[name] for name in said if name not in _OBJECTS}}):
        raise error
    said = {name: _usable(name, value) for name, value in said.items()}
    texts = {name: value for name, value in said.items() if isinstance(value, str) and name in OPTIONS}
    return {**said, **Config(command, {**behind, **texts}).keywords()}


def _mask_secrets(given: dict[str, Any]) -> None:
    """Mask the keywords in place: their names, too, and the items of an iterator, which are seen only here."""
    for name in _LISTS:
        values = given.get(name)
        if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
            given[name] = [_shown(value) for value in values]
    shown = {
        without_secrets(name): value if _is_object(name, value) else _shown(value) for name, value in given.items()
    }
    given.clear()
    given.update(shown)


def _is_object(name: str, value: object) -> bool:
    return name in _OBJECTS and hasattr(value, _OBJECTS[name][0])


def _shown(value: object) -> object:
    if isinstance(value, int | float):
        return value
    shown = without_secrets(str(value))
    return value if shown == str(value) else shown


def _usable(name: str, value: Any) -> Any:  # noqa: ANN401 - the caller may give anything
    """Give a value as the options take it, the names of entities as one text. Raises UsageError for another type."""
    if name in _LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if name in _OBJECTS:
        fits, what = _is_object(name, value), _OBJECTS[name][1]
    elif name == "give_up":
        fits, what = value in ("restart", "scratch"), "'restart' or 'scratch'"
    else:
        types, what = _types(name)
        fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    if not fits:
        message = f"{name} must be {what}, not {plain(repr(value))}"
        raise UsageError(message)
    return value


def _types(name: str) -> tuple[tuple[type, ...], str]:
    """The types that a keyword may have, and what to call them."""
    if name in _MORE_TYPES:
        return _MORE_TYPES[name]
    if name in PATHS:
        return (str, Path), "a text or a pathlib.Path"
    kind = OPTIONS[name].kind
    if kind == "flag":
        return (str, bool), "True or False"
    return ((str,), "a text") if kind == "text" else ((str, int, float), "a number")

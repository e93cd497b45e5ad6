"""The keywords of the library's functions, with the environment behind them, as on the command line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain, without_secrets
from stripe_raw_rs.checks import mistakes_in
from stripe_raw_rs.config import COMMAND_LINE_ONLY, SOURCES, Config
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import COMMANDS, COMPILED, LISTS, OPTIONS, PATHS, READ, SPARK_SOURCE
from stripe_raw_rs.suggestions import nearest
from stripe_raw_rs.surface import OTHER_KEYWORDS
from stripe_raw_rs.tables import TableOptions, open_tables
from stripe_raw_rs.written import Written, behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Literal, TypedDict

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
        settings: str | Path | None
        profile: str | None

    class IngestKeywords(CheckKeywords, TableOptions, total=False):
        """Keywords of `ingest`."""

        tables: Tables | None
        accounts: str | Path | Iterable[str] | None
        checkpoint_table: str | None
        owner: str | None
        start: str | date | int | None
        distributed: bool
        distributed_tasks: int
        take_over: bool
        give_up: Literal["restart", "scratch"] | None
        bundle_target: str | None
        maintenance: Literal["auto", "no"]
        display: Display | None

    class SourceKeywords(TypedDict, total=False):
        """Keywords of `register_stripe`."""

        api_key: str | ApiKey | None
        api_key_file: str | Path | None
        stripe_secret_scope: str | None
        stripe_secret_key: str | None
        page_size: int
        expand: str
        max_requests_per_second: float | Literal["auto"]
        max_requests_per_second_per_endpoint: float | Literal["auto"]
        max_concurrent_requests: int
        max_retries: int
        request_timeout_seconds: float
        backoff_base_seconds: float
        backoff_max_seconds: float
        backoff_jitter: float
        api_base_url: str
        ca_file: str
        stripe_version: str

    class ReadKeywords(SourceKeywords, total=False):
        """Keywords of `read`."""

        start: str | date | int | None
        end: str | date | int | None
        columns: Iterable[str] | None
        stripe_account: str | None
        max_requests: int

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
    "plan": ("tables", "api_key", "give_up", "display"),
    "check": ("api_key", *COMPILED),
    **dict.fromkeys(("status", "verify", "latest"), ("tables",)),
    "read": ("start", "end", "columns", "api_key"),
    "register_stripe": ("api_key",),
}
# Functions that are no command, with the options that are keywords of theirs.
_FUNCTIONS = {
    "latest": ("lake", "catalog", "schema", "checkpoint_table"),
    "read": READ,
    "register_stripe": SPARK_SOURCE,
}
# Keywords that are not texts: a method that the value must have, and what to call it.
_OBJECTS = {"tables": ("table", "an object with the methods of Tables"), "display": ("tick", "a Display")}
_MOMENT = "a text, a date, a datetime or whole seconds since 1970"
# Keywords of more types than a text.
_MORE_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "entities": ((str,), "a text or a list of texts"),
    "accounts": ((str, Path), "a text, a list of texts or a pathlib.Path"),
    "start": ((str, date, int), _MOMENT),
    "end": ((str, date, int), _MOMENT),
    "columns": ((), "a list of texts"),
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
    """Give those keywords of a call that are not None, with the environment's and the settings file's behind them.

    Raises UsageError for unknown names, for values of another type, and for values that hold a secret, all at once:
    such a value is first masked in `given`, since the caller's traceback shows it.
    """
    said, config = _read(command, given, variable)
    return {**said, **config.keywords()}


@contextmanager
def keywords_of(command: str, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Do something with what `with_environment` gives; a UsageError there says where its value was written."""
    said, config = _read(command, given, os.getenv)
    with config.blaming():
        yield {**said, **config.keywords()}


def _read(command: str, given: dict[str, Any], variable: Callable[[str], str | None]) -> tuple[dict[str, Any], Config]:
    """Read the keywords that have no row, as they are, and those that have one."""
    _mask_secrets(given)
    names = keyword_names(command)
    mistakes = [_unknown(name, names) for name in given if name not in names]
    said = {name: given[name] for name in names if given.get(name) is not None}
    said = {name: _as_text(name, value) for name, value in said.items()}
    mistakes += filter(None, (_mistake(name, value) for name, value in said.items()))
    texts = {name: Written(value) for name, value in said.items() if isinstance(value, str) and name in OPTIONS}
    files = {name: Written(str(said[name])) for name in SOURCES if name in said}
    options = [name for name in _options_of(command) if name in names or name in OTHER_KEYWORDS]
    taken = [name for name, value in given.items() if value is not None]
    written = texts
    try:
        written = {**behind(options, files, taken, variable), **texts}
    except UsageError as error:
        mistakes += error.mistakes or [str(error)]
    # A value of a wrong type is refused above.
    numbers = {name: value for name, value in said.items() if name in COMPILED and type(value) in (int, float)}
    mistakes += mistakes_in(written, numbers)
    if mistakes:
        raise UsageError.of(mistakes)
    return {name: value for name, value in said.items() if name not in SOURCES}, Config(command, written)


def _unknown(name: str, names: list[str]) -> str:
    meant = f", write {OTHER_KEYWORDS[name]}" if name in OTHER_KEYWORDS else nearest(name, names)
    return f"unknown option '{plain(name)}'{meant}"


def _mask_secrets(given: dict[str, Any]) -> None:
    """Mask the keywords in place: their names, too, and the items of an iterator, which are seen only here."""
    for name in (*LISTS, "columns"):
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


def _as_text(name: str, value: Any) -> Any:  # noqa: ANN401 - the caller may give anything
    """Write the names of a list as one text, as the options take it."""
    is_list = name in LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value)
    return ",".join(value) if is_list else value


def _mistake(name: str, value: object) -> str | None:
    """Say what is wrong with the type of a value; texts are checked as on the command line."""
    if name not in _OBJECTS and (error := _core.stray_secret({name: value})):
        return str(error)
    if name in _OBJECTS:
        fits, what = _is_object(name, value), _OBJECTS[name][1]
    elif name == "columns":
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        what = _MORE_TYPES[name][1]
    elif name == "give_up":
        fits, what = value in ("restart", "scratch"), "'restart' or 'scratch'"
    else:
        types, what = _types(name)
        fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    return None if fits else f"{name} must be {what}, not {plain(repr(value))}"


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

"""The settings file `stripe-raw.toml`: values of options, and profiles that say something else about some of them.

The key is never in it, only the place of the key.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_raw_rs._core import plain, stray_secret, without_secrets
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import LISTS, OPTIONS, PATHS, are_accounts
from stripe_raw_rs.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from stripe_raw_rs.options import Kind

NAME = "stripe-raw.toml"
PROFILES = "profiles"
# A file of settings is short: a larger one is something else.
_LARGEST = 1 << 20
# A setting holds for every run, and these begin runs again or end with a look at the settings.
_NO_SETTINGS = ("restart_run", "from_scratch", "show_settings", "settings", "profile")
# They say to whom the key is shown: a file that merely lies in the working folder may be a stranger's.
_OF_A_NAMED_FILE = ("api_base_url", "ca_file")
_NAMES = tuple(name for name in OPTIONS if name not in _NO_SETTINGS)


def settings_tables(
    file: str | None, profile: str | None, config_home: str | None
) -> list[tuple[str, Mapping[str, str]]]:
    """Read the tables of the settings file that hold, the winning one first, each with its place for messages.

    `file` is the one that was named; without it the file is looked for in the working folder, then in the user's
    folder of settings. Raises UsageError for all mistakes in the file at once.
    """
    path = _named(file) if file else _found(config_home)
    if path is None:
        if profile:
            raise UsageError(f"there is no profile '{plain(profile)}': no {NAME} is in this folder or the user's")
        return []
    shown = f"'{plain(str(path))}'"
    whole = _read(path, is_named=file is not None)
    profiles = whole.pop(PROFILES, {})
    if not isinstance(profiles, dict):
        raise UsageError(f"{PROFILES} in {shown} must be tables, as in [{PROFILES}.eu]")
    tables = {shown: whole, **{_place(name, shown): values for name, values in profiles.items()}}
    is_trusted = file is not None or path != Path(NAME)
    mistakes = [line for place in tables for line in _mistakes(place, tables[place], is_trusted=is_trusted)]
    if mistakes:
        raise UsageError.of(mistakes)
    if profile and profile not in profiles:
        known = f"; it has {', '.join(map(plain, profiles))}" if profiles else ""
        raise UsageError(f"{shown} has no profile '{plain(profile)}'{nearest(profile, profiles) or known}")
    holding = [_place(profile, shown), shown] if profile else [shown]
    folder = path.absolute().parent
    return [(place, {name: _text(name, value, folder) for name, value in tables[place].items()}) for place in holding]


def _place(profile: str, shown: str) -> str:
    return f"[{PROFILES}.{plain(profile)}] of {shown}"


def _named(file: str) -> Path:
    try:
        return Path(file).expanduser()
    except RuntimeError as error:
        why = plain(error)
    raise UsageError(f"the settings file '{plain(file)}' cannot be found: {why}")


def _found(config_home: str | None) -> Path | None:
    """Look for a file that nobody named. A folder that cannot be looked at, such as another user's, has none."""
    home = Path(config_home or "~/.config")
    for place in (Path(NAME), home / "stripe-raw" / NAME):
        with suppress(OSError, RuntimeError):
            expanded = place.expanduser()
            if expanded.is_file():
                return expanded
    return None


def _read(path: Path, *, is_named: bool) -> dict[str, Any]:
    """Parse the file. A secret is masked before any variable holds it."""
    shown = plain(str(path))
    toml = _toml(shown)
    try:
        if not (path.is_file() or (is_named and str(path) == os.devnull)):
            raise UsageError(f"the settings file '{shown}' is not there, or is not a regular file")
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"the settings file '{shown}' is larger than 1 MiB")
        parsed: dict[str, Any] = _masked(toml.loads(without_secrets(path.read_bytes().decode("utf-8-sig"))))
    except OSError as error:
        why = f"cannot be read: {plain(error.strerror or error)}"
    except UnicodeDecodeError:
        why = "cannot be read: it is not a text in UTF-8"
    except ValueError as error:
        why = f"is not TOML: {plain(error)}"
    except RecursionError:
        why = "cannot be read: its values are nested too deeply"
    else:
        return parsed
    # Raised here, it has no frame of the reader's, which holds the values as they are.
    raise UsageError(f"the settings file '{shown}' {why}")


def _toml(shown: str) -> ModuleType:
    # The standard library has it from Python 3.11 on; tomli is the same module for older ones.
    name = next((name for name in ("tomllib", "tomli") if find_spec(name) is not None), None)
    if name is None:
        raise UsageError(f"to read '{shown}', Python 3.10 needs the package tomli: pip install tomli")
    return import_module(name)


def _masked(value: Any) -> Any:  # noqa: ANN401 - whatever TOML can hold
    """Mask secrets that TOML's escapes have hidden."""
    if isinstance(value, dict):
        return {without_secrets(name): _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return without_secrets(value) if isinstance(value, str) else value


def _mistakes(place: str, values: object, *, is_trusted: bool) -> Iterator[str]:
    """Say what is wrong with the names and types of a table's settings."""
    if not isinstance(values, dict):
        yield f"{place} must be a table"
        return
    for name, value in values.items():
        if name in ("api_key", "stripe_api_key", "key"):
            yield (
                f"{plain(name)} in {place}: the key is not written into this file; "
                "api_key_file names a file that has it, or STRIPE_API_KEY has it"
            )
        elif name not in _NAMES:
            known = name in OPTIONS
            why = "cannot be kept in a settings file" if known else f"is no setting{nearest(name, _NAMES)}"
            yield f"{plain(name)} in {place} {why}"
        elif name in _OF_A_NAMED_FILE and not is_trusted:
            yield (
                f"{name} in {place} holds only if the file is named (--settings {NAME}): it says to whom the key is "
                "shown, and a file in the working folder may be a stranger's"
            )
        elif error := _secret(name, value):
            yield f"{name} in {place}{error}"
        elif (what := _expected(name, value)) is not None:
            yield f"{name} in {place} must be {what}, not {plain(repr(value))}"


def _secret(name: str, value: object) -> str | None:
    error = stray_secret({name: str(value)})
    return None if error is None else str(error).removeprefix(name)


def _expected(name: str, value: object) -> str | None:
    """The type that a setting should have, if the value has another one."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    is_number = is_whole or isinstance(value, float)
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    # A list without a name would count as not given, and everything would be read.
    is_empty = is_list and not any(item.strip(" ,") for item in value)  # type: ignore[attr-defined]
    kinds: dict[Kind, tuple[bool, str]] = {
        "flag": (isinstance(value, bool), "true or false"),
        "integer": (is_whole, "a whole number"),
        "decimal": (is_number, "a number"),
        "auto or decimal": (is_number or value == "auto", '"auto" or a number'),
        "text": (isinstance(value, str), "a text"),
    }
    fits, what = kinds[OPTIONS[name].kind]
    if name in LISTS:
        fits, what = fits or is_list, "a text or a list of texts"
        if is_empty:
            fits, what = False, "a list with a name in it"
    if name == "start":
        fits, what = fits or isinstance(value, date), "a date, a date-time or a text"
    return None if fits else what


def _text(name: str, value: Any, folder: Path) -> str:  # noqa: ANN401 - of the type that was just checked
    """Write a setting as on the command line; a path in the file begins at the file's folder."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(value)
    text = value.isoformat() if isinstance(value, date) else str(value)
    is_path = name in PATHS or (name == "accounts" and not are_accounts(text))
    if not is_path or not text:
        return text
    # Without a home the path stays as it is, and is refused where it is used.
    with suppress(RuntimeError):
        text = str(Path(text).expanduser())
    return text if text.startswith("~") else str(folder / text)

"""The values of options as they were written, each with the place where; and which place wins."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stripe_raw_rs._core import stray_secret, without_secrets
from stripe_raw_rs.options import OPTIONS
from stripe_raw_rs.settings_file import settings_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import TypeAlias

# Ways to say one thing. If one of them is named in one place, the places behind it are not asked for the others: an
# option that was given on purpose wins over a variable that happens to be set.
WAYS = (
    (("tables",), ("lake",), ("catalog", "schema")),
    (("api_key",), ("api_key_file",), ("stripe_secret_scope", "stripe_secret_key")),
    (("give_up",), ("restart_run",), ("from_scratch",)),
    (("stripe_account",), ("accounts",)),
    (("quiet",), ("verbose",)),
)


@dataclass(frozen=True)
class Written:
    """The text of a value. `place` says where it was written: empty for the call or the command line itself."""

    text: str
    place: str = ""


Place: TypeAlias = "Callable[[str], Written | None]"
Variable: TypeAlias = "Callable[[str], str | None]"


def behind(
    names: Collection[str], given: Mapping[str, Written], taken: Collection[str], variable: Variable = os.getenv
) -> dict[str, Written]:
    """Read those of the options that were not given: from the environment, and behind it from the settings file.

    `taken` are the names of all that was given, which no other way to say the same replaces. Secrets are masked, so
    that no traceback shows them. Raises UsageError for a settings file that cannot be used.
    """
    environment = _environment(variable)
    file, profile = (given.get(name) or environment(name) for name in ("settings", "profile"))
    places = [environment]
    named = {name: value.text for name, value in (("settings", file), ("profile", profile)) if value and value.text}
    # A secret among these two is refused with the other mistakes.
    if stray_secret(named) is None:
        tables = settings_tables(named.get("settings"), named.get("profile"), variable("XDG_CONFIG_HOME"))
        places += [_of_table(place, values) for place, values in tables]
    return layered(names, taken, places)


def layered(names: Collection[str], taken: Collection[str], places: Iterable[Place]) -> dict[str, Written]:
    """Ask one place after the other for the options that none before it has, nor has said in another way."""
    found: dict[str, Written] = {}
    for place in places:
        said = {*taken, *found}
        ways = [way for ways in WAYS if any(set(way) & said for way in ways) for way in ways]
        said |= {name for way in ways if not set(way) & said for name in way}
        found |= {name: value for name in names if name not in said and (value := place(name)) and value.text}
    return found


def _environment(variable: Variable) -> Place:
    def read(name: str) -> Written | None:
        called = OPTIONS[name].variable
        return Written(without_secrets(variable(called) or ""), called)

    return read


def _of_table(place: str, values: Mapping[str, str]) -> Place:
    def read(name: str) -> Written | None:
        return Written(values[name], f"{name} in {place}") if name in values else None

    return read

"""What the values of options can be completed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stripe_raw_rs import _core
from stripe_raw_rs.options import COMMANDS, OPTIONS, SHORT

if TYPE_CHECKING:
    from typing import TypeAlias

    from stripe_raw_rs.options import OptionRow

    # `none` is a value that nobody can guess, `flag` no value at all.
    Values: TypeAlias = Literal["choices", "names", "folders", "files", "flag", "none"]

_FOLDERS = ("lake", "staging_volume")
_FILES = ("api_key_file", "ca_file", "settings", "accounts")


def values_of(row: OptionRow) -> Values:
    """The kind of values that an option has."""
    if row.choices:
        return "choices"
    if row.kind == "flag":
        return "flag"
    if row.name == "entities":
        return "names"
    return "folders" if row.name in _FOLDERS else "files" if row.name in _FILES else "none"


def rows() -> list[OptionRow]:
    """The rows of all options that a command has."""
    used = {name for command in COMMANDS.values() for name in command.options}
    return [row for row in OPTIONS.values() if row.name in used]


def names_of_lists() -> list[str]:
    """The words that `--entities` takes: lists, groups, and all."""
    entities = _core.all_entities()
    groups = dict.fromkeys(entity.group for entity in entities if entity.group)
    return list(dict.fromkeys(["all", *groups, *(entity.name for entity in entities)]))


def letter_of(row: OptionRow) -> str | None:
    """The letter that stands for an option, without its hyphen."""
    return next((letter[1:] for letter, name in SHORT.items() if name == row.name), None)


def one_word_values(command: str) -> list[str]:
    """The words that a command takes without an option's name, if they are some known ones."""
    word = COMMANDS[command].word
    if word is None or word.name in OPTIONS:
        return []
    return list(word.choices or COMMANDS)


def takes_folder(command: str) -> bool:
    """Say whether a command takes the lake without the option's name."""
    word = COMMANDS[command].word
    return word is not None and word.name in OPTIONS

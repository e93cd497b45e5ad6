"""The script for zsh."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stripe_raw_rs.cli.completions.values import letter_of, names_of_lists, one_word_values, takes_folder, values_of
from stripe_raw_rs.options import COMMANDS, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_raw_rs.options import OptionRow

_SCRIPT = """\
#compdef stripe-raw
# Completions of stripe-raw for zsh. In ~/.zshrc, behind compinit: eval "$(stripe-raw completions zsh)"
_stripe_raw_names() {{
    local -a names=({names})
    _values -s , NAMES $names
}}
_stripe_raw() {{
    local -a commands=(
{commands}
    )
    local command=run
    if [[ $words[2] != -* ]]; then
        if (( CURRENT == 2 )); then
            _describe command commands
            return
        fi
        command=$words[2]
        shift words
        (( CURRENT-- ))
    fi
    case $command in
{cases}
    esac
}}
compdef _stripe_raw stripe-raw
"""
_ACTIONS = {
    # Words up to the next option.
    "names": ":*-*:NAMES:_stripe_raw_names",
    "folders": ":{metavar}:_path_files -/",
    "files": ":{metavar}:_files",
    "choices": ":{metavar}:({choices})",
    "none": ":{metavar}:",
    "flag": "",
}


def script() -> str:
    """The script."""
    commands = [f"        {_quoted(f'{_escaped(row.name)}:{row.help}')}" for row in COMMANDS.values()]
    return _SCRIPT.format(
        names=" ".join(names_of_lists()), commands="\n".join(commands), cases="\n".join(map(_case, COMMANDS))
    )


def _case(command: str) -> str:
    arguments = [*(_argument(OPTIONS[name]) for name in COMMANDS[command].options), "'(-h --help)'{-h,--help}'[help]'"]
    arguments += _words(command)
    lines = " \\\n                ".join(arguments)
    return f"        {command})\n            _arguments \\\n                {lines}\n            ;;"


def _words(command: str) -> Iterator[str]:
    if words := one_word_values(command):
        yield _quoted(f"1:WORD:({' '.join(words)})")
    elif takes_folder(command):
        yield _quoted("1:DIR:_path_files -/")


def _argument(row: OptionRow) -> str:
    kind, letter = values_of(row), letter_of(row)
    value = _ACTIONS[kind].format(metavar=row.metavar, choices=" ".join(row.choices))
    about = _quoted(f"[{_escaped(row.help)}]{value}")
    if letter is None:
        return f"{row.flag}{'' if kind == 'flag' else '='}{about}"
    return f"'({row.flag} -{letter})'{{{row.flag},-{letter}}}{about}"


def _escaped(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

"""The script for fish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.cli.completions.values import (
    letter_of,
    names_of_lists,
    one_word_values,
    rows,
    takes_folder,
    values_of,
)
from stripe_raw_rs.options import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_raw_rs.options import OptionRow

_SCRIPT = """\
# Completions of stripe-raw for fish. In ~/.config/fish/config.fish: stripe-raw completions fish | source
function __stripe_raw_is
    set -l words (commandline -opc)
    set -l command run
    if set -q words[2]; and not string match -q -- '-*' $words[2]
        set command $words[2]
    end
    contains -- $command $argv
end
function __stripe_raw_in_names
    for word in (commandline -opc)[-1..2]
        if string match -q -- '-*' $word
            string match -qr -- '^--entities(=|$)' $word
            return
        end
    end
    return 1
end
function __stripe_raw_names
    set -l begin (commandline -ct | string replace -r -- '^--entities=' '' | string replace -r '[^,]*$' '')
    for name in {names}
        echo $begin$name
    end
end
complete -c stripe-raw -f
complete -c stripe-raw -n __stripe_raw_in_names -a '(__stripe_raw_names)'
{lines}
"""
_VALUES = {
    "names": "-x -a '(__stripe_raw_names)'",
    "folders": "-x -a '(__fish_complete_directories)'",
    "files": "-r -F",
    "choices": "-x -a '{choices}'",
    "none": "-x",
    "flag": "",
}


def script() -> str:
    """The script."""
    return _SCRIPT.format(names=" ".join(names_of_lists()), lines="\n".join(_lines()))


def _lines() -> Iterator[str]:
    for command in COMMANDS.values():
        is_first = "-n 'test (count (commandline -opc)) -eq 1'"
        yield f"complete -c stripe-raw {is_first} -a {command.name} -d {_quoted(command.help)}"
    for name in COMMANDS:
        of_it = f"complete -c stripe-raw -n '__stripe_raw_is {name}; and test (count (commandline -opc)) -gt 1"
        if words := one_word_values(name):
            yield f"{of_it}' -a '{' '.join(words)}'"
        elif takes_folder(name):
            yield f"{of_it}; and not __stripe_raw_in_names' -a '(__fish_complete_directories)'"
    for row in rows():
        yield _option(row)


def _option(row: OptionRow) -> str:
    commands = " ".join(command.name for command in COMMANDS.values() if row.name in command.options)
    letter = letter_of(row)
    value = _VALUES[values_of(row)].format(choices=" ".join(row.choices))
    short = f"-s {letter} " if letter else ""
    is_of_it = f"-n '__stripe_raw_is {commands}'"
    return f"complete -c stripe-raw {is_of_it} {short}-l {row.flag[2:]} {value} -d {_quoted(row.help)}".replace(
        "  ", " "
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

"""The script for bash; it works with the old bash of macOS, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.cli.completions.values import names_of_lists, one_word_values, rows, takes_folder, values_of
from stripe_raw_rs.options import COMMANDS, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SCRIPT = """\
# Completions of stripe-raw for bash. In ~/.bashrc: eval "$(stripe-raw completions bash)"
_stripe_raw() {{
    local IFS=$'\\n' command=run option= last=${{COMP_WORDS[COMP_CWORD]}} begin= behind=0 index word
    local names={names}
    [[ $COMP_CWORD -gt 1 && ${{COMP_WORDS[1]}} != -* ]] && command=${{COMP_WORDS[1]}}
    COMPREPLY=()
    # Bash splits words at "=". The option is the nearest one before this word.
    [[ $last == = ]] && last=
    for ((index = COMP_CWORD - 1; index > 0; index--)); do
        word=${{COMP_WORDS[index]}}
        [[ $word == = ]] && continue
        if [[ $word == -* ]]; then option=$word; break; fi
        behind=$((behind + 1))
    done
    [[ $behind -gt 0 && $option != --entities ]] && option=
    if [[ $last != -* ]]; then
        case $option in
{values}
        esac
        if [[ $COMP_CWORD -eq 1 ]]; then
            COMPREPLY=($(compgen -W {commands} -- "$last"))
            return
        fi
        case $command in
{words}
        esac
        return
    fi
    case $command in
{options}
    esac
}}
complete -F _stripe_raw stripe-raw
"""
_NAMES = """\
begin=; [[ $last == *,* ]] && begin=${last%,*},
                COMPREPLY=($(compgen -W "$names" -P "$begin" -- "${last##*,}"))
                return"""
_FOLDERS = """\
compopt -o filenames 2>/dev/null
                COMPREPLY=($(compgen -d -- "$last"))
                return"""
_FILES = _FOLDERS.replace("-d", "-f")


def script() -> str:
    """The script."""
    return _SCRIPT.format(
        names=_words(names_of_lists()),
        values="\n".join(_values()),
        commands=_words(COMMANDS),
        words="\n".join(_one_words()),
        options="\n".join(_options()),
    )


def _words(words: Iterable[str]) -> str:
    return "$'" + "\\n".join(words) + "'"


def _case(patterns: Iterable[str], body: str) -> str:
    return f"            {'|'.join(patterns)})\n                {body}\n                ;;"


def _reply(words: Iterable[str]) -> str:
    return f'COMPREPLY=($(compgen -W {_words(words)} -- "$last"))\n                return'


def _values() -> Iterator[str]:
    flags = {kind: [row.flag for row in rows() if values_of(row) == kind] for kind in ("names", "folders", "files")}
    yield _case(flags["names"], _NAMES)
    yield _case(flags["folders"], _FOLDERS)
    yield _case(flags["files"], _FILES)
    yield _case([row.flag for row in rows() if values_of(row) == "none"], "return")
    for row in rows():
        if values_of(row) == "choices":
            yield _case([row.flag], _reply(row.choices))


def _one_words() -> Iterator[str]:
    yield _case([name for name in COMMANDS if takes_folder(name)], _FOLDERS)
    for name in COMMANDS:
        if words := one_word_values(name):
            yield _case([name], _reply(words))


def _options() -> Iterator[str]:
    for command in COMMANDS.values():
        yield _case([command.name], _reply([*(OPTIONS[name].flag for name in command.options), "--help"]))

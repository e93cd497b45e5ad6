"""The words of a command line: which option each belongs to. All mistakes are found at once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from stripe_raw_rs._core import plain
from stripe_raw_rs.checks import YES_NO
from stripe_raw_rs.options import LISTS, OPTIONS, SHORT, CommandRow, OptionRow
from stripe_raw_rs.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

_BEGINS_A_PATH = (".", "/", "~")


class Words:
    """The words behind a subcommand, read: `given` by option, `mistakes`, and whether help is asked for."""

    def __init__(self, command: CommandRow, words: Iterable[str]) -> None:
        self.given: dict[str, str] = {}
        self.mistakes: list[str] = []
        self.wants_help = False
        self._command = command
        self._rows = {OPTIONS[name].flag: OPTIONS[name] for name in command.options}
        self._rows |= {short: OPTIONS[name] for short, name in SHORT.items() if name in command.options}
        self._word: str | None = None
        self._rest = deque(words)
        while self._rest:
            self._read(self._rest.popleft())
        self._take_word()

    def _read(self, word: str) -> None:
        name, equals, value = word.partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        if word == "--":
            while self._rest:
                self._read_word(self._rest.popleft())
        elif not _is_option(word):
            self._read_word(word)
        elif name in ("-h", "--help"):
            self.wants_help = True
        elif name not in self._rows:
            # The words behind it are probably its values.
            self._values(1 << 30)
            self.mistakes.append(_unknown(name, self._command))
        else:
            row = self._rows[name]
            self.given[row.name] = self._value(row, value if equals else None)

    def _read_word(self, word: str) -> None:
        row = self._command.word
        if row is None or self._word is not None:
            self.mistakes.append(f"unexpected argument '{plain(word)}'; options begin with --")
        else:
            self._word = word

    def _take_word(self) -> None:
        row = self._command.word
        if row is None or not self._word:
            return
        if self.given.get(row.name):
            self.mistakes.append(f"{row.flag} {row.metavar} and the word '{plain(self._word)}' say the same: give one")
        self.given[row.name] = self._word

    def _value(self, row: OptionRow, value: str | None) -> str:
        if row.kind == "flag":
            # Job parameters are named and have values (--take-over=true); on a command line the bare word is enough.
            if value is None and self._rest and self._rest[0].lower() in YES_NO:
                value = self._rest.popleft()
            return "yes" if value is None else value
        values = self._values(1) if value is None else [value]
        if not values:
            self.mistakes.append(f"{row.flag} needs a value: {row.flag} {row.metavar}")
        elif row.name in LISTS:
            while self._rest and not self._rest[0].startswith(_BEGINS_A_PATH):
                if not (more := self._values(1)):
                    break
                values += more
        return ",".join(filter(None, (part.strip(",") for part in values))) if row.name in LISTS else "".join(values)

    def _values(self, most: int) -> list[str]:
        """Take the next words that are no options, so many at most."""
        taken: list[str] = []
        while self._rest and len(taken) < most and not _is_option(self._rest[0]):
            taken.append(self._rest.popleft())
        return taken


def _is_option(word: str) -> bool:
    """Say whether a word is the name of an option; a negative number and a bare hyphen are values."""
    return word.startswith("-") and word != "-" and not word[1:].replace(".", "", 1).isdigit()


def _unknown(name: str, command: CommandRow) -> str:
    # Only the name is repeated: the rest may be a secret.
    if name in ("--api-key", "--key"):
        return (
            "the key is not given as an option, where other users and the shell's history would see it: "
            "set STRIPE_API_KEY or use --api-key-file"
        )
    near = nearest(name, [OPTIONS[option].flag for option in command.options])
    return f"unknown option '{plain(name)}' of {command.name}{near}; see stripe-raw {command.name} --help"

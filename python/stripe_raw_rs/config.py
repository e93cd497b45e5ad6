"""The options that the user gave, checked as far as the command line can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import OPTIONS, OptionRow
from stripe_raw_rs.surface import option
from stripe_raw_rs.tables import TableOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

# The options that name a file or a folder.
PATHS = ("lake", "staging_volume", "api_key_file", "ca_file")
# Options that are `give_up` in the library, and those of the command's own output.
COMMAND_LINE_ONLY = ("restart_run", "from_scratch", "log_format", "verbose")
# The compiled half counts in 64 bits.
_LARGEST = (1 << 63) - 1
_YES_NO = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Config:
    """One call of `stripe-raw`: the subcommand, and the values written for its options."""

    command: str
    written: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse bytes that are not UTF-8. A path may have them, and is refused later if it cannot be used."""
        for name, value in self.written.items():
            if name not in PATHS and any("\ud800" <= sign <= "\udfff" for sign in value):
                message = f"{name} must be UTF-8, and {value!a} is not"
                raise UsageError(message)

    def __repr__(self) -> str:
        """Show the values; a key that strayed in is masked."""
        values = " ".join(f"{name}={plain(value)!r}" for name, value in sorted(self.written.items()))
        return f"Config({self.command} {values})"

    def text(self, name: str) -> str | None:
        """Give the text of an option, or its default; None for none."""
        return self.written.get(name) or OPTIONS[name].default or None

    def required(self, name: str) -> str:
        """Give the text of an option that has no default."""
        value = self.text(name)
        if value is None:
            row = OPTIONS[name]
            message = f"{self.command} needs {option(name)} (or {row.variable}): {row.help}"
            raise UsageError(message)
        return value

    def flag(self, name: str) -> bool:
        """Say whether a flag is set."""
        value = self.written.get(name, "no").strip().lower()
        if value not in _YES_NO:
            message = f"{name} must be yes or no, not '{plain(value)}'"
            raise UsageError(message)
        return _YES_NO[value]

    def number(self, name: str) -> float | None:
        """Give the number of an option; None for none."""
        value = self.text(name)
        return None if value is None else _number(OPTIONS[name], value)

    def whole_number(self, name: str) -> int:
        """Give the whole number of an option that has a default."""
        return int(_number(OPTIONS[name], self.required(name)))

    def keywords(self) -> dict[str, Any]:
        """Give the values written for options of the library, each in its type."""
        typed = {name: self._typed(OPTIONS[name]) for name in self.written if name not in COMMAND_LINE_ONLY}
        give_up = self.give_up()
        return typed if give_up is None else {**typed, "give_up": give_up}

    def table_options(self) -> TableOptions:
        """Give the options that say where the tables are, and how they are made."""
        given = self.keywords().items()
        return cast("TableOptions", {name: value for name, value in given if name in TableOptions.__annotations__})

    def give_up(self) -> Literal["restart", "scratch"] | None:
        """Say in which way an unfinished run is given up, if any."""
        restart, scratch = self.flag("restart_run"), self.flag("from_scratch")
        if restart and scratch:
            ways = f"{option('restart_run')} and {option('from_scratch')}"
            message = f"{ways} exclude each other: the first one goes on from the last complete run"
            raise UsageError(message)
        return "restart" if restart else "scratch" if scratch else None

    def log_format(self) -> str:
        """Give the format of the log."""
        return self._chosen("log_format")

    def _typed(self, row: OptionRow) -> str | bool:
        # Numbers stay as they were written: the compiled half reads them, once.
        if row.kind == "flag":
            return self.flag(row.name)
        return self._chosen(row.name) if row.choices else self.written[row.name]

    def _chosen(self, name: str) -> str:
        row = OPTIONS[name]
        given = self.required(name)
        if given not in row.choices:
            message = f"{name} must be {', '.join(row.choices[:-1])} or {row.choices[-1]}, not '{plain(given)}'"
            raise UsageError(message)
        return given


def _number(row: OptionRow, text: str) -> float:
    try:
        number = int(text) if row.kind == "integer" else float(text)
    except ValueError:
        what = "a whole number" if row.kind == "integer" else "a number"
        message = f"{row.name} must be {what}, not '{plain(text)}'"
        raise UsageError(message) from None
    if isinstance(number, int) and abs(number) > _LARGEST:
        message = f"{row.name} cannot be {plain(text)}"
        raise UsageError(message)
    return number

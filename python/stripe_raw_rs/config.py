"""The options that the user gave, each in its type."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from stripe_raw_rs._core import plain
from stripe_raw_rs.checks import chosen, number, yes_or_no
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import OPTIONS, OptionRow
from stripe_raw_rs.surface import blamed, option
from stripe_raw_rs.tables import TableOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stripe_raw_rs.written import Written

# Options that are `give_up` in the library, and those of the command's own output.
COMMAND_LINE_ONLY = (
    *("restart_run", "from_scratch", "dry_run", "output", "log_format", "color", "quiet", "verbose"),
    "show_settings",
)
# They say where values are from, and are none themselves.
SOURCES = ("settings", "profile")


@dataclass(frozen=True)
class Config:
    """One call of `stripe-raw`: the subcommand, and the values written for its options."""

    command: str
    written: Mapping[str, Written]

    def __repr__(self) -> str:
        """Show the values; a key that strayed in is masked."""
        values = " ".join(f"{name}={plain(value.text)!r}" for name, value in sorted(self.written.items()))
        return f"Config({self.command} {values})"

    def text(self, name: str) -> str | None:
        """Give the text of an option, or its default; None for none."""
        return self._written(name) or OPTIONS[name].default or None

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
        return yes_or_no(name, self._written(name) or "no")

    def number(self, name: str) -> float | None:
        """Give the number of an option; None for none."""
        value = self.text(name)
        return None if value is None else number(OPTIONS[name], value)

    def whole_number(self, name: str) -> int:
        """Give the whole number of an option that has a default."""
        return int(number(OPTIONS[name], self.required(name)))

    def chosen(self, name: str) -> str:
        """Give the word of an option that is one of some words."""
        return chosen(OPTIONS[name], self.required(name))

    def keywords(self) -> dict[str, Any]:
        """Give the values written for options of the library, each in its type."""
        names = [name for name in self.written if name not in (*COMMAND_LINE_ONLY, *SOURCES)]
        typed = {name: self._typed(OPTIONS[name]) for name in names}
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

    @contextmanager
    def blaming(self) -> Iterator[None]:
        """Let a UsageError about a value say where the value was written."""
        try:
            yield
        except UsageError as error:
            places = {name: (value.text, value.place) for name, value in self.written.items()}
            error.args = (blamed(str(error), places),)
            raise

    def _written(self, name: str) -> str | None:
        value = self.written.get(name)
        return None if value is None else value.text

    def _typed(self, row: OptionRow) -> str | bool:
        # Numbers stay as they were written: the compiled half reads them, once.
        if row.kind == "flag":
            return self.flag(row.name)
        return self.chosen(row.name) if row.choices else self.written[row.name].text

"""What the user asked for, checked as far as the command line can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import OPTIONS, OptionRow
from stripe_raw_rs.start import start_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_raw_rs.tables import Place

Chosen = TypeVar("Chosen", bound=str)

_YES_NO = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Config:
    """One call of `stripe-raw`: the subcommand, and what was written for its options."""

    command: str
    written: Mapping[str, str]

    def __repr__(self) -> str:
        """Show what was written; a key that strayed in is masked."""
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
            message = f"{self.command} needs {row.flag} {row.metavar} (or {row.variable}): {row.help}"
            raise UsageError(message)
        return value

    def flag(self, name: str) -> bool:
        """Tell whether a flag is set."""
        value = self.written.get(name, "no").strip().lower()
        if value not in _YES_NO:
            message = f"{OPTIONS[name].variable} must be yes or no, not '{plain(value)}'"
            raise UsageError(message)
        return _YES_NO[value]

    def number(self, name: str) -> float | None:
        """Give the number of an option; None for none."""
        value = self.text(name)
        return None if value is None else _number(OPTIONS[name], value)

    def whole_number(self, name: str) -> int:
        """Give the whole number of an option that has a default."""
        return int(_number(OPTIONS[name], self.required(name)))

    def client_options(self) -> _core._Options:
        """Give the options that the compiled half reads; it knows their bounds and defaults."""
        options: _core._Options = {}
        for option in _core.options():
            value = self.written.get(option.name)
            if value is not None:
                row = OPTIONS[option.name]
                number = row.kind in ("integer", "decimal")
                options[option.name] = _number(row, value) if number else value  # type: ignore[literal-required]
        return options

    def place(self) -> Place:
        """Give the place where the tables are."""
        return {
            "lake": self.text("lake"),
            "catalog": self.text("catalog"),
            "schema": self.text("schema"),
            "staging_volume": self.text("staging_volume"),
            "liquid_clustering": self._choice("liquid_clustering", ("auto", "yes", "no")),
            "check_payloads": self.flag("check_payloads"),
        }

    def give_up(self) -> Literal["restart", "scratch"] | None:
        """Tell which way an unfinished run is given up, if any."""
        restart, scratch = self.flag("restart_run"), self.flag("from_scratch")
        if restart and scratch:
            message = "--restart-run and --from-scratch exclude each other: one goes on from the last complete run"
            raise UsageError(message)
        return "restart" if restart else "scratch" if scratch else None

    def start(self) -> int | None:
        """Give the start of a first run, in seconds since 1970."""
        value = self.text("start")
        return None if value is None else start_seconds(value)

    def log_format(self) -> str:
        """Give the format of the log."""
        return self._choice("log_format", ("text", "json"))

    def _choice(self, name: str, values: tuple[Chosen, ...]) -> Chosen:
        given = self.required(name)
        for value in values:
            if value == given:
                return value
        message = f"{name} must be {', '.join(values[:-1])} or {values[-1]}, not '{plain(given)}'"
        raise UsageError(message)


def _number(row: OptionRow, text: str) -> float:
    try:
        return int(text) if row.kind == "integer" else float(text)
    except ValueError:
        what = "a whole number" if row.kind == "integer" else "a number"
        message = f"{row.name} must be {what}, not '{plain(text)}'"
        raise UsageError(message) from None

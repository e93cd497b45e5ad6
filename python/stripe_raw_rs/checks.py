"""Checks of written values, as far as they need nothing but the value: all mistakes are found at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain, stray_secret
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import COMPILED, OPTIONS, PATHS, OptionRow
from stripe_raw_rs.start import start_seconds
from stripe_raw_rs.surface import with_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stripe_raw_rs.written import Written

# The compiled half counts in 64 bits.
_LARGEST = (1 << 63) - 1
YES_NO = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
# No request is made with it.
_ANY_KEY = "rk_test_any"


def mistakes_in(written: Mapping[str, Written], numbers: Mapping[str, object] | None = None) -> Iterator[str]:
    """Say what is wrong with each of the values, in one line that says where the value was written.

    `numbers` are values of compiled options that a caller gave as numbers.
    """
    # The compiled half reads all of its options in one go, and each again only if something is wrong.
    texts = {name: value.text for name, value in written.items() if name in COMPILED}
    given = {**(numbers or {}), **texts}
    is_fine = not given or (all(map(_is_utf8, texts.values())) and _refusal(_client(given)) is None)
    checks = {name: _check_of(OPTIONS[name], value.text) for name, value in written.items() if name in OPTIONS}
    checks |= {name: _client({name: value}) for name, value in given.items() if name not in texts}
    for name, check in checks.items():
        error = None if is_fine and name in COMPILED else _refusal(check)
        # What else a client needs, such as the variable SSL_CERT_FILE, is refused when one is made.
        if error is not None and (name not in COMPILED or str(error).startswith(f"{name} ")):
            yield with_place(name, str(error), written[name].place if name in written else "")


def yes_or_no(name: str, text: str) -> bool:
    """Read a flag's value. Raises UsageError for other words."""
    value = text.strip().lower()
    if value not in YES_NO:
        message = f"{name} must be yes or no, not '{plain(text)}'"
        raise UsageError(message)
    return YES_NO[value]


def chosen(row: OptionRow, text: str) -> str:
    """Read the value of an option that is one of some words. Raises UsageError for other words."""
    if text not in row.choices:
        message = f"{row.name} must be {', '.join(row.choices[:-1])} or {row.choices[-1]}, not '{plain(text)}'"
        raise UsageError(message)
    return text


def number(row: OptionRow, text: str) -> float:
    """Read a number. Raises UsageError if it is none."""
    try:
        value = int(text) if row.kind == "integer" else float(text)
    except ValueError:
        what = "a whole number" if row.kind == "integer" else "a number"
        message = f"{row.name} must be {what}, not '{plain(text)}'"
        raise UsageError(message) from None
    if isinstance(value, int) and abs(value) > _LARGEST:
        message = f"{row.name} cannot be {plain(text)}"
        raise UsageError(message)
    return value


def _refusal(check: Callable[[], object]) -> UsageError | None:
    try:
        check()
    except UsageError as error:
        return error
    return None


def _client(options: Mapping[str, object]) -> Callable[[], object]:
    return lambda: _core.Client(_ANY_KEY, **options)  # type: ignore[arg-type]


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _check_of(row: OptionRow, text: str) -> Callable[[], object]:
    def check() -> object:
        # A path may have bytes that are not UTF-8, and is refused later if it cannot be used.
        if row.name not in PATHS and not _is_utf8(text):
            message = f"{row.name} must be UTF-8, and {text!a} is not"
            raise UsageError(message)
        if error := stray_secret({row.name: text}):
            raise error
        if row.name in COMPILED:
            return _client({row.name: text})()
        if row.kind == "flag":
            return yes_or_no(row.name, text)
        if row.choices:
            return chosen(row, text)
        if row.kind != "text":
            return number(row, text)
        more = {"start": start_seconds, "entities": _core.entities, "stripe_account": _core.check_account}
        return more[row.name](text) if row.name in more else None  # type: ignore[operator]

    return check

"""The keywords of the library's functions, as `help` shows them: made of the rows that the command line is made of."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING

from stripe_raw_rs.keywords import keyword_names, signature
from stripe_raw_rs.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

_WIDTH = 100
# What no option of the command line says.
_ONLY_HERE = {
    "api_key": "the key: a text, or an ApiKey; without it api_key_file, a Databricks secret or STRIPE_API_KEY",
    "tables": "instead of a place: an object of your own with the methods of stripe_raw_rs.tables.Tables",
    "give_up": "'restart' gives an unfinished run up and begins again where the last complete one left off; 'scratch' "
    "begins again at the beginning of the account; rows that are there stay",
    "end": "objects created before this date or date-time (UTC)",
    "columns": "columns of the raw table that need no run, in this order; without it all of them",
    "display": "an object with the methods of stripe_raw_rs.progress.Display, which hears how far the run is",
}


def with_keywords(command: str, *first: str) -> Callable[[Function], Function]:
    """Give a function the signature of its keywords, and a docstring that has a line for each, with unit and default.

    `first` are the names of arguments before them.
    """

    def document(function: Function) -> Function:
        function.__signature__ = signature(command, *first)  # type: ignore[attr-defined]
        # Without docstrings (python -OO) there is nothing to add to.
        if function.__doc__ is not None:
            lines = [_line(name) for name in keyword_names(command)]
            function.__doc__ = "\n".join([inspect.cleandoc(function.__doc__), "", "Keywords:", *lines])
        return function

    return document


def _line(name: str) -> str:
    said = _ONLY_HERE.get(name)
    if said is None:
        row = OPTIONS[name]
        default = row.default or ("False" if row.kind == "flag" else "")
        said = row.help + (f"; default: {default}" if default else "")
    return textwrap.fill(f"{name}: {said}", _WIDTH, initial_indent="    ", subsequent_indent="        ")

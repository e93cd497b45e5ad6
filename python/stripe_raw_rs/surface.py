"""How a message writes an option: as a keyword of the library, or as on the command line.

An error may come from far below the call. So its surface is kept where all threads of the call see it.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from stripe_raw_rs._core import plain
from stripe_raw_rs.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# The options that are another keyword in the library.
OTHER_KEYWORDS = {"restart_run": 'give_up="restart"', "from_scratch": 'give_up="scratch"'}
_MARK = re.compile(r"\{(\w+)\}")


def _keyword(name: str) -> str:
    return OTHER_KEYWORDS.get(name) or (f"{name}=True" if OPTIONS[name].kind == "flag" else name)


def _flag(name: str) -> str:
    row = OPTIONS[name]
    return f"{row.flag} {row.metavar}" if row.metavar else row.flag


_written: ContextVar[Callable[[str], str]] = ContextVar("written", default=_keyword)


@contextmanager
def command_line() -> Iterator[None]:
    """Write options as on the command line, until the end of the block."""
    token = _written.set(_flag)
    try:
        yield
    finally:
        _written.reset(token)


def option(name: str) -> str:
    """Write an option as the surface does: `--take-over` or `take_over=True`."""
    return _written.get()(name)


def with_options(text: str) -> str:
    """Write the options in a text of ours, in which each is `{name}`, as the surface does."""
    return _MARK.sub(lambda mark: option(mark[1]), text)


def with_place(name: str, message: str, place: str) -> str:
    """Let a message about an option's value begin with the place where the value was written, and the option."""
    bare = OPTIONS[name].flag if _written.get() is _flag else name
    subject = f"{place} ({bare})" if place and not place.startswith(f"{bare} ") else place or bare
    rest = message.removeprefix(name)
    is_about_it = rest != message and rest[:1] in (" ", ":")
    return subject + rest if is_about_it else f"{subject}: {message}"


def blamed(message: str, written: Mapping[str, tuple[str, str]]) -> str:
    """Let a message of later say where the value was written that it is about: the text and the place of each."""
    for name, (_, place) in written.items():
        if message.startswith((f"{name} ", f"{name}: ")):
            return with_place(name, message, place)
    for name, (text, place) in written.items():
        if place and f"'{plain(text)}'" in message:
            return f"{message}; {with_place(name, f'{name} says so', place)}"
    return message

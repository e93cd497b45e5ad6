"""How a message writes an option: as a keyword of the library, or as on the command line.

An error may come from far below the call. So its surface is kept where all threads of the call see it.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from stripe_raw_rs.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

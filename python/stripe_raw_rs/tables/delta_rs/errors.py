"""The text of an error of delta-rs, in one plain line."""

from __future__ import annotations

import re

from stripe_raw_rs._core import plain

# Some errors of delta-rs are made for a terminal.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Others end with a list of calls, which begins so.
_CALLS = "\n   0: "


def reason(error: Exception, location: str) -> str:
    """Give the text without colours, without calls, and without the table's folder, with which our messages begin.

    A line has an end: a long folder written twice would push out the advice.
    """
    said = _COLOUR.sub("", str(error)).partition(_CALLS)[0]
    return plain(said.replace(f"{location}/", ""))

"""What delta-rs says of an error, in one plain line."""

from __future__ import annotations

import re

from stripe_raw_rs._core import plain

# Some errors of delta-rs are made for a terminal.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# How the calls begin that others end with.
_CALLS = "\n   0: "


def reason(error: Exception, location: str) -> str:
    """Give its words without colours, without calls, and without the table's folder, with which our messages begin.

    A line has an end: a long folder told twice would push out what is to be done.
    """
    said = _COLOUR.sub("", str(error)).partition(_CALLS)[0]
    return plain(said.replace(f"{location}/", ""))

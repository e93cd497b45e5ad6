"""The text of an error of Spark, in one plain line."""

from __future__ import annotations

import re

from stripe_raw_rs._core import plain

# Spark's messages go on with stack traces and the values of rows; the line with the error's class says what it is.
_ERROR_CLASS = re.compile(r"\[[A-Z][A-Z0-9_.]+\][^\n]*")
# The classic session begins the text of every error so.
_PY4J = "An error occurred while calling "


def reason(error: BaseException) -> str:
    """One plain line about an error of Spark: no stack trace, and none of the values that Delta quotes."""
    text = str(error)
    found = _ERROR_CLASS.search(text)
    lines = (line.removeprefix(": ") for line in text.splitlines() if not line.startswith(_PY4J))
    return plain(found[0] if found else next(filter(None, lines), type(error).__name__))

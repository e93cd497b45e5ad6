"""The text of an error of Spark, in one plain line."""

from __future__ import annotations

import re

from stripe_raw_rs._core import plain

# Spark's messages go on with stack traces and the values of rows; the line with the error's class says what it is.
_ERROR_CLASS = re.compile(r"\[[A-Z][A-Z0-9_.]+\][^\n]*")
# An error of Python on an executor is a traceback: its first line without an indent says what it is.
_OF_PYTHON = re.compile(r"^Traceback \(most recent call last\):\n(?:(?!\w).*\n)*(\w[\w.]*: .*)", re.MULTILINE)
# The classic session begins the text of every error so.
_PY4J = "An error occurred while calling "


def reason(error: BaseException) -> str:
    """One plain line about an error of Spark: no stack trace, and none of the values that Delta quotes."""
    text = str(error)
    of_python = _OF_PYTHON.search(text)
    if of_python:
        return plain(of_python[1])
    found = _ERROR_CLASS.search(text)
    lines = (line.removeprefix(": ") for line in text.splitlines() if not line.startswith(_PY4J))
    return plain(found[0] if found else next(filter(None, lines), type(error).__name__))

"""Text from outside, fit for one line that a person reads: no control characters, no secrets, not endless."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?<![A-Za-z0-9_])((?:sk|rk|whsec)_)[A-Za-z0-9_*]+")
_LONGEST = 500
# Characters that end a line or turn its direction, beside the control characters.
_UNRULY = re.compile(r"[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def redacted(text: str) -> str:
    """Mask everything that looks like a secret of Stripe's."""
    return _SECRET.sub(r"\1***", text)


def plain(value: object) -> str:
    """Make one plain line of a value: spaces joined, control characters escaped, secrets masked, cut."""
    line = " ".join(str(value).split())
    line = _UNRULY.sub(lambda found: f"\\u{ord(found.group()):04x}", redacted(line))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"

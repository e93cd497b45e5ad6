"""What an unknown word was probably meant to be."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Options of other tools that have another name here.
_ELSEWHERE = {
    "json": "output",
    "format": "output",
    "config": "settings",
    "debug": "verbose",
    "silent": "quiet",
    "colour": "color",
    "no_color": "color",
    "force": "take_over",
    "path": "lake",
    "table": "lake",
}
# How alike two words are that are taken for the same one; 1 is equal.
_ALIKE = 0.65
_SAME_PART = 0.75


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a message about an unknown word: the one of `words` that was probably meant, if any."""
    meant = _meant(word, list(words))
    return f", did you mean {meant}?" if meant else ""


def _meant(word: str, choice: list[str]) -> str | None:
    known = {_name(one): one for one in choice}
    name = _name(word)
    if (elsewhere := _ELSEWHERE.get(name)) in known:
        return known[elsewhere]
    if begun := [one for one in known if one.startswith(name)]:
        return known[min(begun, key=len)]
    # `--retries` is `--max-retries`: all parts of the word are among those of the name.
    if having := [one for one in known if _has_parts(one.split("_"), name.split("_"))]:
        return known[min(having, key=len)]
    alike = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
    return known[alike[0]] if alike else None


def _name(word: str) -> str:
    return re.sub("[^a-z0-9]+", "_", word.lower()).strip("_")


def _has_parts(parts: list[str], asked: list[str]) -> bool:
    return all(difflib.get_close_matches(part, parts, n=1, cutoff=_SAME_PART) for part in asked)

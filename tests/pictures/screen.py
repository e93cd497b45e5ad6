"""The screen of a terminal: what commands write there becomes colored lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LINES, COLUMNS = 24, 80
# The cursor some lines up, the rest of the screen erased, a color.
_TOKEN = re.compile(r"\x1b\[(?:(?P<up>\d+)A|(?P<erase>J)|(?P<color>\d+)m)|\r|\n|(?P<text>[^\x00-\x1f\x7f]+)")


@dataclass
class Screen:
    """The lines that a terminal shows. It knows what our commands write, and refuses anything else.

    A line is a list of characters, each with its color: 0 for the usual one, else the number of the escape sequence.
    The `wrapped` ones go on in the next one, because they are longer than the terminal is wide.
    """

    columns: int = COLUMNS
    lines: list[list[tuple[str, int]]] = field(default_factory=lambda: [[]])
    wrapped: set[int] = field(default_factory=set)
    _row: int = 0
    _column: int = 0
    _color: int = 0

    def write(self, text: str) -> Screen:
        """Show what a command has written."""
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise ValueError(f"the screen does not know {text[place : place + 8]!r}")
            place = found.end()
            if found["text"]:
                self._show(found["text"])
            elif found["up"]:
                self._row = max(self._row - int(found["up"]), 0)
            elif found["erase"]:
                del self.lines[self._row + 1 :], self.lines[self._row][self._column :]
                self.wrapped -= {row for row in self.wrapped if row >= self._row}
            elif found["color"]:
                self._color = int(found["color"])
            elif found[0] == "\r":
                self._column = 0
            else:
                self._down()
        return self

    def _show(self, text: str) -> None:
        for character in text:
            if self._column == self.columns:
                self.wrapped.add(self._row)
                self._column = 0
                self._down()
            self.lines[self._row][self._column : self._column + 1] = [(character, self._color)]
            self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append([])

    def text(self) -> list[str]:
        """The lines as they were written, however wide the terminal is."""
        text = "".join(
            "".join(character for character, _ in line) + ("" if row in self.wrapped else "\n")
            for row, line in enumerate(self.lines)
        )
        return text.rstrip("\n").split("\n")

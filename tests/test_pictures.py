"""The pictures of the documents are those of the recipe, and show what the tool prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.pictures import PICTURES, notebook, shown_in
from tests.pictures.scenes import scenes, settled
from tests.pictures.screen import LINES, Screen
from tests.pictures.svg import svg
from tests.test_live import LAST_LINE, LIVE

if TYPE_CHECKING:
    from pathlib import Path

# It shows a moment of a run that takes its time.
RUNNING = "running.svg"
MOST_BYTES = 100_000


def test_the_pictures_are_those_of_the_recipe_and_show_what_the_tool_prints_but_for_numbers(tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="nbclient is not installed here")
    now = {picture.name: picture for picture in scenes(tmp_path, paced=False)}
    assert {path.name for path in PICTURES.iterdir()} == now.keys()
    for name, picture in now.items():
        if name != RUNNING:
            assert settled(shown_in(PICTURES / name)) == settled(picture.lines), f"{name}: run `just pictures`"


def test_the_picture_of_a_run_has_the_lines_that_a_terminal_shows() -> None:
    command, *log, last = shown_in(PICTURES / RUNNING)
    bars = [line for line in log if re.fullmatch(LIVE.format(name=r"\w+"), line)]
    assert command.startswith("$ stripe-raw run ")
    assert len(bars) >= 3
    assert all(line.endswith(" left") for line in bars), "the time left is known"
    assert LAST_LINE.fullmatch(last)


def test_a_picture_is_small_and_a_terminal_has_the_usual_size() -> None:
    for path in PICTURES.iterdir():
        assert path.stat().st_size < MOST_BYTES, path.name
        if path.suffix == ".svg":
            assert path.read_text(encoding="utf-8").count("<g") <= LINES, path.name


def test_a_screen_shows_what_was_written_and_not_what_was_erased() -> None:
    screen = Screen(columns=6).write("one\r\ntwo\r\n\x1b[1A\x1b[Jlonger than six\r\n\x1b[31mred\x1b[0m\r\n")
    assert screen.text() == ["one", "longer than six", "red"]
    assert ["".join(character for character, _ in line) for line in screen.lines[1:4]] == ["longer", " than ", "six"]
    assert screen.lines[-2] == [("r", 31), ("e", 31), ("d", 31)]
    assert Screen().write("a\rb").text() == ["b"]
    with pytest.raises(ValueError, match="does not know"):
        Screen().write("\x1b[2J")


def test_a_picture_of_a_screen_keeps_text_columns_and_colors(tmp_path: Path) -> None:
    long = f"{'word ' * 20}end"
    screen = Screen().write(f"name   <&>\"'\r\n\r\n   \x1b[32mdone\x1b[0m  5\r\n{long}\r\n")
    path = tmp_path / "a.svg"
    path.write_text(svg(screen, "title"), encoding="utf-8")
    assert shown_in(path) == ["name   <&>\"'", "", "   done  5", long]
    assert re.search(r'class="c32"[^>]*>done<', path.read_text(encoding="utf-8"))


def test_what_a_cell_shows_is_its_text_without_style_and_tags() -> None:
    shown = "<style>p{color:red}</style><p class='x'>a &lt;b&gt;</p>\n<td>5</td>"
    assert notebook.text_of_html(shown) == ["a <b>", "5"]


def test_another_number_is_the_same_picture_and_another_word_is_not() -> None:
    assert settled(["a  5 of 1,200  2026-05-28 17:13:54", "██▌░ b"]) == settled(
        ["█░ b", "a 7 of 9 2027-01-01 00:00:00"]
    )
    assert settled(["a 5 b"]) != settled(["a 5 c"])

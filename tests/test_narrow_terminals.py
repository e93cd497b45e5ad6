"""Tables fit the terminal: what there is no room for is left out and named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs.cli.demo import demo
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.text import text_table
from tests.command import call, command, run_on_terminal, variables
from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LISTS = ("charges", "balance_transactions")
COMMANDS = ("run", "status", "plan", "check")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, ...]]]:
    """The words of each command, for a lake that has landed."""
    lake = str(tmp_path_factory.mktemp("narrow") / "lake")
    with StripeSimulator(counts=dict.fromkeys(LISTS, 30), frozen_clock=True) as stripe:
        server, lists = ("--api-base-url", stripe.url), ("--entities", *LISTS)
        words = {
            "run": ("run", lake, *server, *lists),
            "status": ("status", lake),
            "plan": ("plan", lake, *server, *lists, "--max-requests-per-second", "20"),
            "check": ("check", *server, *lists),
        }
        assert call(*words["run"]).returncode == 0
        yield words


def shown(columns: int, words: tuple[str, ...]) -> list[str]:
    text, code = run_on_terminal(command(*words), variables(KEY, {"NO_COLOR": "1"}), (24, columns))
    assert code == 0, text
    # A run first shows its progress, which is erased.
    return text.rpartition("\x1b[J")[2].split("\r\n")


def tables(lines: list[str]) -> list[str]:
    """The lines of the tables, with the notes about columns."""
    return [line for line in lines if re.match(rf"(entity|{'|'.join(LISTS)}|table|stripe_\w+|a wider terminal) ", line)]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("columns", [80, 100, 120])
def test_the_tables_of_a_command_fit_a_terminal(name: str, columns: int, words: dict[str, tuple[str, ...]]) -> None:
    found = tables(shown(columns, words[name]))
    assert max(map(len, found)) <= columns
    heading = found[0].split()
    assert heading[:2] == ["entity", {"plan": "permission"}.get(name, "state")]
    for note in (line for line in found if line.startswith("a wider")):
        assert not {*note.removeprefix("a wider terminal adds ").split(", ")} & {*re.split(" {2,}", found[0])}


@pytest.mark.parametrize("name", ["status", "plan", "check"])
def test_a_wide_terminal_shows_what_a_pipe_gets(name: str, words: dict[str, tuple[str, ...]]) -> None:
    narrow, wide = shown(70, words[name]), shown(250, words[name])
    assert "a wider terminal adds" in "\n".join(narrow)
    assert "a wider terminal adds" not in "\n".join(wide)
    # The simulator's clock stands still, and ours goes on between the two.
    clock = re.compile(r"clock \S+ s against")
    assert clock.sub("", "\n".join(wide)) == clock.sub("", call(*words[name]).stdout)


def test_columns_are_left_out_in_their_order_until_the_rest_fits() -> None:
    def table(columns: int | None) -> list[str]:
        return text_table(["name", "aa", "bb"], [["x", "1", "2"]], columns=columns, spare=["bb", "aa"]).split("\n")

    assert table(None) == table(12) == ["name  aa  bb", "x     1    2"]
    assert table(11) == ["name  aa", "x     1", "a wider terminal adds bb"]
    assert table(7) == ["name", "x", "a wider terminal adds bb, aa"]
    assert table(1) == table(7), "what is always shown is shown"


def test_the_demo_fits_the_terminal_as_well(tmp_path: Path) -> None:
    said: list[str] = []
    demo(tmp_path / "demo", say=lambda text, /, **_: said.append(text), columns=80)
    assert [text.count("a wider terminal adds") for text in said if "complete" in text] == [1, 1]

"""What `--show-settings` shows: each option's value, and where it is from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stripe_raw_rs._core import KEY_VARIABLE, plain
from stripe_raw_rs.options import COMMANDS, OPTIONS
from stripe_raw_rs.text import text_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_raw_rs.cli.answer import Answer
    from stripe_raw_rs.config import Config

_KEY_OPTIONS = ("api_key_file", "stripe_secret_scope", "stripe_secret_key")


def show_settings(config: Config, answer: Answer) -> None:
    """Print the values that a command would work with, and do nothing else."""
    rows = list(_rows(config))
    table = text_table(("option", "value", "from"), rows, left=3)
    answer.give(table, settings=[{"option": name, "value": value, "from": source} for name, value, source in rows])


def _rows(config: Config) -> Iterator[tuple[str, str, str]]:
    names = [name for name in COMMANDS[config.command].options if name != "show_settings"]
    for name in names:
        written, default = config.written.get(name), OPTIONS[name].default
        if written is not None:
            yield name, plain(written.text), written.place or OPTIONS[name].flag
        else:
            yield name, default or ("no" if OPTIONS[name].kind == "flag" else "-"), "default" if default else "-"
    if "api_key_file" in names:
        named = next((name for name in _KEY_OPTIONS if name in config.written), None)
        in_environment = KEY_VARIABLE in os.environ
        yield (
            "(the key)",
            "not shown",
            named or (KEY_VARIABLE if in_environment else f"{KEY_VARIABLE}, which is not set"),
        )

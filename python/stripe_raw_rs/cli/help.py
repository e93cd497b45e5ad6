"""The help of `stripe-raw` and of its commands, made from the rows of options, which are grouped by need."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

from stripe_raw_rs.options import COMMANDS, OPTIONS, SHORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stripe_raw_rs.options import OptionRow

GROUPS = {
    "the tables": (
        *("lake", "catalog", "schema", "checkpoint_table", "liquid_clustering", "maintenance", "check_payloads"),
        *("staging_volume", "bundle_target"),
    ),
    "what is read": ("entities", "stripe_account", "accounts", "start", "expand", "dry_run"),
    "later changes": ("changes", "lookback_seconds", "relist_days", "whole_every_days", "repeats"),
    "an unfinished run": ("take_over", "restart_run", "from_scratch", "owner"),
    "the key": ("api_key_file", "stripe_secret_scope", "stripe_secret_key"),
    "pace": (
        *("max_requests_per_second", "max_requests_per_second_per_endpoint", "max_concurrent_requests"),
        *("max_requests", "page_size", "commit_interval_seconds"),
    ),
    "executors of Spark": ("distributed", "distributed_tasks"),
    "retries": ("max_retries", "backoff_base_seconds", "backoff_max_seconds", "backoff_jitter"),
    "the connection to Stripe": ("api_base_url", "ca_file", "stripe_version", "request_timeout_seconds"),
    "the simulator": (
        *("port", "seed", "objects", "connected_accounts", "account_objects", "sublist_items"),
        *("rate_limit", "latency_ms", "faults"),
    ),
    "settings": ("settings", "profile", "show_settings"),
    "output and log": ("output", "log_format", "color", "quiet", "verbose"),
}
_OTHER = "other options"

EXIT_CODES = {
    0: "all is done",
    1: "something failed: the last line says what",
    2: "something cannot be used as given; nothing was written",
    75: "another process works on the same lists; try again later",
    130: "interrupted (Ctrl-C, SIGTERM); what had been read is committed",
}
# What a code means to a command that has no run to fail.
_OWN_CODES = {
    "plan": {0: "a run could go on", 1: "a list would fail, or another process has it"},
    "check": {0: "each list can be read", 1: "a list cannot be read: the last line names it"},
    "verify": {0: "there are no findings", 1: "there are findings: the last line says what helps"},
}

_EXAMPLES = """\
examples:
  stripe-raw demo
  STRIPE_API_KEY=rk_... stripe-raw run ./lake --entities charges refunds
  stripe-raw status ./lake"""
_SOURCES = """\
Each option is also an environment variable (--page-size is STRIPE_RAW_PAGE_SIZE) and a name in the settings file
(page_size in stripe-raw.toml). The command line wins over the environment, the environment over the file. The key is
read from STRIPE_API_KEY or --api-key-file, never from an option's value."""
_COLUMN = 26
_WIDEST = 110


def help_of(topic: str | None) -> str:
    """The help of a command; without one, of all."""
    return "\n\n".join(_of_command(topic) if topic else _of_all())


def _of_all() -> Iterator[str]:
    yield "usage: stripe-raw COMMAND [OPTIONS]"
    yield "Lands everything a Stripe account holds as raw, immutable rows in Delta tables."
    yield _section("commands", [(row.name, row.help) for row in COMMANDS.values()])
    yield _section("options", [("-h, --help", "show this help, or with a command its options"), _VERSION])
    yield _exit_codes()
    yield _EXAMPLES
    yield _filled(_SOURCES)
    yield "'stripe-raw help COMMAND' lists the options of a command."


_VERSION = ("--version", "show the version")


def _of_command(name: str) -> Iterator[str]:
    row = COMMANDS[name]
    word = f" [{row.word.metavar}]" if row.word else ""
    yield f"usage: stripe-raw {name}{' [OPTIONS]' if row.options else ''}{word}"
    yield _filled(row.help)
    if row.word is not None:
        what = f"the same as {row.word.flag}" if row.word.name in OPTIONS else row.word.help
        yield _section("arguments", [(row.word.metavar, what + _choices(row.word))])
    grouped = {heading: [one for one in names if one in row.options] for heading, names in GROUPS.items()}
    grouped[_OTHER] = [one for one in row.options if not any(one in names for names in GROUPS.values())]
    for heading, names in grouped.items():
        if names:
            yield _section(heading, [_line(OPTIONS[one]) for one in names])
    yield _section("help", [("-h, --help", "show this help")])
    yield _exit_codes(name)
    yield _filled(_SOURCES)


def _line(row: OptionRow) -> tuple[str, str]:
    short = next((f"{letter}, " for letter, name in SHORT.items() if name == row.name), "")
    name = f"{short}{row.flag} {row.metavar}".rstrip()
    return name, row.help + (f" [default: {row.default}]" if row.default else "")


def _choices(row: OptionRow) -> str:
    return f": {', '.join(row.choices)}" if row.choices else ""


def _exit_codes(command: str = "") -> str:
    codes = {**EXIT_CODES, **_OWN_CODES.get(command, {})}
    return _section("exit codes", [(str(code), what) for code, what in codes.items()])


def _section(heading: str, lines: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"{heading}:", *(_entry(name, what) for name, what in lines)])


def _entry(name: str, what: str) -> str:
    indent = " " * _COLUMN
    text = textwrap.fill(what, _width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    begin = f"  {name}"
    return begin + text[len(begin) :] if len(begin) < _COLUMN - 1 else f"{begin}\n{text}"


def _filled(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _width(), break_on_hyphens=False)


def _width() -> int:
    """The width of the terminal; a wider one is harder to read."""
    return max(_COLUMN + 20, min(shutil.get_terminal_size().columns, _WIDEST))

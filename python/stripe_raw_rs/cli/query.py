"""The command `query`: a statement in, and a table as wide as the terminal or JSON out."""

from __future__ import annotations

import shutil
from threading import Event
from typing import TYPE_CHECKING, TextIO

from stripe_raw_rs._core import stray_secret, without_secrets
from stripe_raw_rs.cli.rows import batches_of, write_rows
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.panics import as_error
from stripe_raw_rs.query import Queries, answered
from stripe_raw_rs.threads import each_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyRelation

# Rows of a table for people; DuckDB says how many there are.
_SHOWN = 40
# Width of the table if it is not shown on a terminal.
_COLUMNS = 100


def statement_of(word: str | None, stdin: TextIO) -> str:
    """Give the statement of a command line: the word itself, or what stdin has if it is `-`."""
    try:
        statement = without_secrets(stdin.read() if word == "-" else word or "")
    except UnicodeDecodeError:
        statement = None
    if statement is None:
        message = "the statement on stdin is not a text in UTF-8"
        raise UsageError(message)
    if not statement.strip():
        message = "query needs a statement: stripe-raw query 'SELECT count(*) FROM charges', or - for one on stdin"
        raise UsageError(message)
    if error := stray_secret({"the statement": statement}):
        raise error
    return statement


def run(statement: str, lake: str, checkpoint_table: str | None, output: str) -> None:
    """Write the result to stdout. Ctrl-C stops DuckDB, which hears of none while it is at work."""
    stopped = Event()
    asked: list[Queries] = []
    failed: list[BaseException] = []

    def work(statement: str) -> None:
        try:
            asked.append(Queries(lake, checkpoint_table))
            write(asked[0].ask(statement), output, stopped)
        except BaseException as error:  # noqa: BLE001 - the thread that waits raises it
            failed.append(as_error(error))

    def tick() -> None:
        # Between two steps there is nothing to stop: the next step is stopped.
        if stopped.is_set() and asked:
            asked[0].interrupt()

    interrupted = each_in_a_thread(work, [statement], tick=tick, interrupt=stopped.set)
    if interrupted:
        raise KeyboardInterrupt
    if failed:
        raise failed.pop()


def write(relation: DuckDBPyRelation, output: str, stopped: Event | None = None) -> None:
    """Write all rows to stdout: `text`, or `json`, one object with the `rows`."""
    batches = batches_of(relation) if output == "json" else _show(relation)
    # A traceback shows its variables, and a relation that is shown reads its rows once more.
    del relation
    if output == "json":
        write_rows(batches, stopped or Event())
    else:
        answered(lambda: next(batches))


def _show(relation: DuckDBPyRelation) -> Iterator[list[str]]:
    """Let DuckDB show the rows itself: one batch without a row of ours."""
    relation.show(max_width=shutil.get_terminal_size((_COLUMNS, 0)).columns, max_rows=_SHOWN)
    yield []

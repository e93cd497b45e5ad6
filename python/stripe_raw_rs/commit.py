"""Committing to a table whose answer may get lost: the outcome is looked up, never assumed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.tables import CommitUnknownError, fenced
from stripe_raw_rs.telemetry import committing

if TYPE_CHECKING:
    from stripe_raw_rs.tables import Commit, Outcome, Table

# Seconds before each further try. The commit is the same bytes under the same version each time, so a try that
# landed unseen is recognised and not repeated.
_WAITS = (0.2, 0.5, 1.0, 2.0)


def commit(table: Table, item: Commit) -> None:
    """Append `item` to `table`, and return when it is known to be there.

    Raises FencedError if another process took over, TableError if the commit cannot be made or its outcome
    cannot be learned; in both cases nothing may be written afterwards.
    """
    with committing(table.name, len(item)):
        _commit(table, item)


def _commit(table: Table, item: Commit) -> None:
    look = table.skips_silently and item.must_be_seen
    for wait in (*_WAITS, None):
        error: CommitUnknownError | None = None
        try:
            table.append(item)
        except CommitUnknownError as caught:
            error = caught
        if error is None and not look:
            return
        outcome = _look(table, item)
        if outcome == "landed":
            return
        # It was written without an error and is not there: the version was taken, and the commit skipped silently.
        if outcome == "superseded" or (outcome == "absent" and error is None):
            raise fenced(table) from error
        if wait is None:
            raise _gave_up(table, error, outcome) from error
        # From here on each try is looked up: it may be skipped because of our own commit or of a rival's.
        look = table.skips_silently
        time.sleep(wait)


def _look(table: Table, item: Commit) -> Outcome | None:
    try:
        return table.outcome(item)
    except TableError:
        return None


def _gave_up(table: Table, error: CommitUnknownError | None, outcome: Outcome | None) -> TableError:
    why = plain(error) if error is not None else f"table '{table.location}' cannot be read"
    if outcome == "absent":
        goes_on = "nothing of this commit is stored: once that is mended, the next run goes on from here"
        return TableError(f"cannot commit to {why}; {goes_on}")
    damage = table.damage()
    if damage is not None:
        why = f"table '{table.location}': {damage.what}"
        return TableError(f"the commit's outcome is unknown, {why}; {damage.remedy}")
    goes_on = "once that is mended, the next run finds out and goes on from there"
    return TableError(f"the commit's outcome is unknown, {why}; {goes_on}")

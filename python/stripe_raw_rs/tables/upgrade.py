"""Tables of an earlier layout: a run gives them the columns that they lack, and readers do without these."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs.exceptions import TableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_raw_rs._core import Schema
    from stripe_raw_rs.tables import ArrowSchema, Table

logger = logging.getLogger("stripe_raw_rs")

LAYOUT = "stripe_raw.layout_version"
# A try fails if another process changes the table at that moment, and each process that begins makes three changes at
# most. Any other fault fails again each time.
_TRIES = 5


def present(ours: Schema, actual: ArrowSchema) -> list[str]:
    """Name those of our columns that a table has: all, or those of an earlier layout."""
    missing = ours.additions(actual).names
    return [name for name in ours.names if name not in missing]


def is_current(ours: Schema, actual: ArrowSchema, properties: Mapping[str, str]) -> bool:
    """Say whether a table has all of our columns, and our layout's version."""
    return not ours.additions(actual).names and properties.get(LAYOUT) == _core.LAYOUT_VERSION


def upgrade(table: Table, ours: Schema) -> None:
    """Give the table the columns that it lacks, then our layout's version; a table that has both is left as it is.

    The version comes last: a process that is killed in between leaves the rest to the next one. Two processes may do
    this at the same moment: the loser looks again, and does what remains.
    """
    for tries_left in reversed(range(_TRIES)):
        if is_current(ours, table.schema(), table.properties()):
            return
        try:
            missing = ours.additions(table.schema())
            if missing.names:
                table.add_columns(missing)
            table.set_properties({LAYOUT: _core.LAYOUT_VERSION})
        except TableError:
            if not tries_left:
                raise
        else:
            logger.info("table '%s' now has the columns of layout %s", table.location, _core.LAYOUT_VERSION)
            return

"""After a run: the tables are kept in order, so that the next run does not pay for all runs before it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.text import error_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stripe_raw_rs.tables import Tables

logger = logging.getLogger("stripe_raw_rs")


def keep_in_order(tables: Tables, names: Iterable[str]) -> None:
    """Maintain each of the tables. A table that cannot be maintained is a warning: its rows have landed."""
    for name in names:
        table = tables.table(name)
        # Tables of a caller's own may have no such method.
        maintain = getattr(table, "maintain", None)
        if maintain is None:
            continue
        try:
            with panics_as_errors():
                done = maintain()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is complete
            logger.warning("the next run maintains table '%s' again: %s", table.location, error_line(error))
        else:
            if done is not None:
                logger.info("table '%s' is in order again: %s", table.location, done)

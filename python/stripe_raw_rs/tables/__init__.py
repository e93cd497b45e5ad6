"""The interface to the tables: the methods that the write protocol needs, whichever library writes the tables.

Only modules of this package may import a table library, and each does so when it is first needed: importing
`stripe_raw_rs` stays light, and needs none of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import FencedError, TableError, UsageError
from stripe_raw_rs.tables.engine import Engine as Engine
from stripe_raw_rs.tables.engine import WaitingRows as WaitingRows
from stripe_raw_rs.tables.engine import WaitingTable as WaitingTable
from stripe_raw_rs.tables.interface import ArrowSchema as ArrowSchema
from stripe_raw_rs.tables.interface import ArrowStream as ArrowStream
from stripe_raw_rs.tables.interface import Commit as Commit
from stripe_raw_rs.tables.interface import CommitUnknownError as CommitUnknownError
from stripe_raw_rs.tables.interface import Condition as Condition
from stripe_raw_rs.tables.interface import Damage as Damage
from stripe_raw_rs.tables.interface import Kept as Kept
from stripe_raw_rs.tables.interface import Outcome as Outcome
from stripe_raw_rs.tables.interface import Size as Size
from stripe_raw_rs.tables.interface import Table as Table
from stripe_raw_rs.tables.interface import Tables as Tables
from stripe_raw_rs.tables.opening import TableOptions as TableOptions
from stripe_raw_rs.tables.opening import open_tables as open_tables
from stripe_raw_rs.tables.upgrade import is_current as is_current
from stripe_raw_rs.tables.upgrade import present as present
from stripe_raw_rs.tables.upgrade import upgrade as upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from stripe_raw_rs._core import Schema

# The one column without data-skipping statistics: minima of JSON texts help nobody and would fill the Delta log.
PAYLOAD_COLUMN = "_raw_json"
# A file of fewer bytes is small, and more small files than this are written together. A larger file is not written
# again: upkeep costs what is new, and little memory. (With 8 MiB the peak of a backfill in small commits rose by
# 40 MiB.)
SMALL_FILE = 1 << 20
MOST_SMALL_FILES = 24

Answer = TypeVar("Answer")

_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")


def check_table_name(name: str) -> None:
    """Refuse a table name that is not the same in every catalog and file system."""
    if not _NAME.fullmatch(name):
        message = f"table name '{plain(name)}' must be 1 to 255 letters, digits and underscores"
        raise UsageError(message)


# Tables of a caller's own may lack these two: nothing is kept in order then, and no size is shown.
_OPTIONAL = {"maintain", "size"}


def require_methods(table: Table) -> None:
    """Refuse tables of a caller's own that lack methods, before anything is written."""
    needed = {name for name, value in vars(Table).items() if callable(value) and not name.startswith("_")}
    missing = sorted(name for name in needed - _OPTIONAL if not hasattr(table, name))
    if missing:
        message = f"tables: their objects lack the methods {', '.join(missing)} of stripe_raw_rs.tables.Table"
        raise UsageError(message)


def check_schema(table: Table, wanted: Schema) -> None:
    """Refuse a table that is there but does not take rows of the `wanted` columns. Writes nothing."""
    difference = wanted.difference(table.schema()) if table.exists() else None
    if difference is not None:
        message = (
            f"table '{table.location}' has another schema: {difference}; mend the column or choose another location"
        )
        raise UsageError(message)


def asked(table: Table, question: Callable[[], Answer]) -> Answer:
    """Ask a question that reads the table. If it fails because of a damaged file, name the file and what to do.

    A stream is read when it is used, so this belongs around its use.
    """
    try:
        return question()
    except TableError as error:
        damage = table.damage()
        if damage is None:
            raise
        message = f"table '{table.location}' cannot be read: {damage.what}; {damage.remedy}"
        raise TableError(message) from error


def fenced(table: Table) -> FencedError:
    """Say that another process has the entity now."""
    message = (
        f"another process took over in table '{table.name}': its commits stand, and this process stops; "
        "run again when it is done"
    )
    return FencedError(message)

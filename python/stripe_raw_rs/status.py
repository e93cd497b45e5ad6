"""The state of each list and the sizes of the tables, as one answer. Reads only, and needs no key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import accounts as account_names
from stripe_raw_rs import markup, table_size
from stripe_raw_rs.entity_status import states
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import place_of, with_environment
from stripe_raw_rs.list_status import HEADINGS, ListStatus, by_list
from stripe_raw_rs.options import OPTIONS
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.table_size import TableSize, sizes
from stripe_raw_rs.text import counted, text_table
from stripe_raw_rs.value import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from stripe_raw_rs.keywords import StatusKeywords

_NUMBERS = ("objects", "attempt", "pages")
# What a narrow terminal has no room for, the least missed first.
_SPARE = ("last run", "attempt", "pages", "last event", "changes followed to")


@dataclass(frozen=True, eq=False)
class Status(Listing[ListStatus]):
    """The result of `status`: `status["charges"]` is one list. Its text is a table for people, in a notebook HTML.

    `location` is where the tables are. `entities` are the lists that have ever run, each with its accounts, and `sizes`
    the tables that are there.
    """

    location: str
    entities: tuple[ListStatus, ...]
    sizes: tuple[TableSize, ...]

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON: a row for each list of each account."""
        rows = [account.to_dict() for row in self.entities for account in row.accounts]
        return {"tables": self.location, "entities": rows, "sizes": [size.to_dict() for size in self.sizes]}

    def __repr__(self) -> str:
        """Say the place, and how many lists are complete."""
        complete = sum(row.state == "complete" for row in self.entities)
        return f"Status({self.location!r}: {complete} of {counted(len(self.entities), 'list')} complete)"

    def __str__(self) -> str:
        """Show all of it."""
        return self.to_text()

    def to_text(self, columns: int | None = None) -> str:
        """Show both tables, within so many columns, each with the lines that belong to it."""
        return "\n".join(
            [
                text_table(HEADINGS, [row.cells() for row in self.entities], columns=columns, spare=_SPARE),
                *(line for row in self.entities for line in row.lines()),
                text_table(table_size.HEADINGS, [size.cells() for size in self.sizes], left=1),
                *self._unmeasured(),
            ]
        )

    def _unmeasured(self) -> list[str]:
        return [f"{size.table}: {size.error}" for size in self.sizes if size.error is not None]

    def _repr_html_(self) -> str:
        complete = sum(row.state == "complete" for row in self.entities)
        wrong = [number for number, row in enumerate(self.entities) if row.is_wrong]
        return markup.block(
            markup.title(f"{complete} of {counted(len(self.entities), 'list')} complete", self.location),
            markup.table(HEADINGS, [row.cells() for row in self.entities], numbers=_NUMBERS, bad=wrong),
            markup.lines((line for number in wrong for line in self.entities[number].lines()), "bad"),
            markup.lines((line for row in self.entities if not row.is_wrong for line in row.lines()), "muted"),
            markup.table(
                table_size.HEADINGS,
                [size.cells() for size in self.sizes],
                numbers=table_size.HEADINGS[1:],
                bad=[number for number, size in enumerate(self.sizes) if size.error is not None],
            ),
            markup.lines(self._unmeasured(), "bad"),
        )


@with_keywords("status")
def status(**given: Unpack[StatusKeywords]) -> Status:
    """Say how far each list is, what its next run will do, and how large the tables are. Reads the tables alone.

    No key is needed, and nothing is sent to Stripe. Keywords are the options of `stripe-raw status`, with the
    environment behind them: the place of the tables as in `ingest`; `accounts`, without them all; `lookback_seconds`,
    with which the next run will begin (seconds, 3600 by default); `checkpoint_table`. Raises UsageError if something
    cannot be used as given, or if there are no tables of this package.
    """
    with panics_as_errors():
        return read_status(with_environment("status", cast("dict[str, Any]", given)))


@panics_as_errors()
def read_status(options: Mapping[str, Any]) -> Status:
    """Do what `status` does with exactly these keywords, whatever the environment says."""
    tables, checkpoint_table = place_of(options), options.get("checkpoint_table")
    found = states(
        tables,
        lookback_seconds=options.get("lookback_seconds", OPTIONS["lookback_seconds"].default),
        checkpoint_table=checkpoint_table,
        accounts=account_names.named(options),
    )
    return Status(tables.location, tuple(by_list(found)), tuple(sizes(tables, checkpoint_table)))

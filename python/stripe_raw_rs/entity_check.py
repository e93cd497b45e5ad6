"""The outcome of trying one list with one request of one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stripe_raw_rs import markup
from stripe_raw_rs._core import one_line
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.value import Value

HEADINGS = ("entity", "state", "permission", "changes")
# What the events report of a list's later changes, as a user would ask: can they be followed?
_FOLLOWED = {"full": "fully", "partial": "partly", "none": "not"}


@dataclass(frozen=True, eq=False)
class EntityCheck(Value):
    """One list: whether the key can read it, and if not, why.

    `state` is "readable", "permission missing", "not available" (the account does not have it) or "failed".
    `permission` is the one that reads the list, None if nobody knows; `event_coverage` says how far events report later
    changes: "full", "partial" or "none".
    """

    entity: str
    state: str
    permission: str | None
    event_coverage: str
    error: BaseException | None = None

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        return {**vars(self), "error": None if self.error is None else one_line(self.error)}

    def __repr__(self) -> str:
        """Say the list and its state."""
        return f"EntityCheck({self.entity}: {self.state})"

    def __str__(self) -> str:
        """Say the same as a line, with what is wrong."""
        return f"{self.entity}: {self.state}" + (f": {one_line(self.error)}" if self.error else "")

    def _repr_html_(self) -> str:
        return markup.block(markup.line(str(self), "bad" if self.error else "good"))

    def cells(self) -> tuple[str, ...]:
        """Its row of the table."""
        # An event never changes.
        changes = "-" if self.entity == EVENTS else _FOLLOWED[self.event_coverage]
        return (self.entity, self.state, self.permission or "-", changes)

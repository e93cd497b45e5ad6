"""Which process has a list, if not this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_raw_rs.exceptions import FencedError, TableError
from stripe_raw_rs.panics import panics_as_errors

if TYPE_CHECKING:
    from stripe_raw_rs._core import Entity
    from stripe_raw_rs.attempt import Job
    from stripe_raw_rs.exceptions import StripeRawError


def naming_the_winner(job: Job, entity: Entity, fenced: FencedError, *, epoch: int, is_claimed: bool) -> StripeRawError:
    """Name the process that has the list now, if the table can still be read.

    `epoch` is the number of our attempt, and `is_claimed` says whether events of it have landed. The process that took
    over began an attempt of our number or a later one. If no event reports it, events are lost.
    """
    try:
        with panics_as_errors():
            histories = job.state.histories([entity.name], job.accounts)[entity.name]
    except Exception:  # noqa: BLE001 - the first error is the one to hear about
        return fenced
    # The number of a claimed attempt is nobody else's: then no other process has stopped this one.
    if histories.epoch < epoch or (histories.epoch == epoch and is_claimed):
        return TableError(
            f"table '{job.state.location}' has lost events of this list, as the tables' transactions show: "
            "restore it from a backup, or land everything again into another lake"
        )
    history = histories.newest
    done = "has completed" if history.state == "complete" else "holds"
    return FencedError(f"{history.owner} {done} run {history.run_id} now: {fenced}")

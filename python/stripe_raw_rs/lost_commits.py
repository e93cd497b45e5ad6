"""No run goes on with a raw table that has lost commits: rows that events report would be missing unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stripe_raw_rs.exceptions import TableError
from stripe_raw_rs.surface import option

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stripe_raw_rs._core import Histories, History
    from stripe_raw_rs.raw_writer import RawWriter
    from stripe_raw_rs.state_store import StateStore


class GivenUp(NamedTuple):
    """The accounts whose unfinished runs are given up, and whether their windows are read again."""

    accounts: Iterable[str | None]
    restarts: bool


def require_landed(
    raw: RawWriter, state: StateStore, histories: Histories, accounts: Sequence[str | None], given_up: GivenUp
) -> None:
    """Raise TableError if the raw table lacks rows that the next runs of these accounts rely on.

    Of a run that is given up nothing need be there. If its window is read again, the new run relies on the runs before
    it: the fence of the attempt that gives it up would hide their loss from all later ones.
    """
    left = {*given_up.accounts}
    if others := [account for account in accounts if account not in left]:
        _require_kept_of_all(raw, state, histories, others)
    for account in left if given_up.restarts else ():
        _require_earlier_kept(raw, state, histories.of(account))


def _require_kept_of_all(
    raw: RawWriter, state: StateStore, histories: Histories, accounts: Sequence[str | None]
) -> None:
    """Raise TableError if the raw table lacks rows that events report.

    The newest commit of all accounts is looked for, and the newest one of the account that is furthest behind. Each
    account by itself only if one of these is missing.
    """
    if any(raw.kept(promise) != "all" for promise in histories.promises(state.store_id, accounts)):
        for account in accounts:
            _require_kept(raw, state, histories.of(account), account)


def _require_kept(raw: RawWriter, state: StateStore, history: History, account: str | None) -> None:
    """Do the same for one account.

    The events of the latest run are at hand. The events of all runs are read only if those raise a suspicion. A lost
    commit without rows, a fence, took nothing with it.
    """
    promise = history.promise(state.store_id)
    kept = "all" if promise is None else raw.kept(promise)
    if kept == "all":
        return
    if kept == "none":
        message = (
            f"the rows in table '{raw.location}' are gone, but the checkpoint table says that there are some; "
            f"restore it, or land everything again into a new one with {option('from_scratch')}"
        )
        raise TableError(message)
    history = state.whole_history(raw.entity.name, account)
    rows = history.promise(state.store_id, "rows")
    if rows is None or raw.kept(rows) == "all":
        return
    earlier = history.promise(state.store_id, "earlier rows")
    is_open = history.state in ("unfinished", "failed")
    if is_open and (earlier is None or raw.kept(earlier) == "all"):
        remedy = f"give run {history.run_id} up with {option('restart_run')}, which reads its window again"
    else:
        remedy = f"land everything again with {option('from_scratch')}"
    raise _lost(raw, remedy)


def _require_earlier_kept(raw: RawWriter, state: StateStore, history: History) -> None:
    """Raise TableError if the raw table lacks rows of the runs before the one that is to be given up."""
    earlier = history.promise(state.store_id, "earlier rows")
    if earlier is not None and raw.kept(earlier) != "all":
        raise _lost(raw, f"land everything again with {option('from_scratch')}")


def _lost(raw: RawWriter, remedy: str) -> TableError:
    damage = raw.damage()
    cause = "" if damage is None else f" ({damage.what})"
    message = (
        f"commits of table '{raw.location}' are lost{cause}: it lacks rows that the checkpoint table records; "
        f"restore it from a backup, or {remedy}"
    )
    return TableError(message)

"""The state of each entity of each account, from the checkpoint table. Reads only, and needs no key."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from stripe_raw_rs._core import one_line
from stripe_raw_rs.accounts import among
from stripe_raw_rs.exceptions import StripeRawError, UsageError
from stripe_raw_rs.owner import is_dead
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.state_store import StateStore
from stripe_raw_rs.text import counted, date_time, rfc3339
from stripe_raw_rs.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_raw_rs._core import History
    from stripe_raw_rs.tables import Tables


@dataclass(frozen=True, eq=False)
class EntityStatus(Value):
    """One entity of one account: its last run, and what the next one will do. Times are seconds since 1970."""

    entity: str
    stripe_account: str | None
    next_run: str
    error: str | None
    run_id: str | None = None
    state: str = "unreadable"
    attempts: int = 0
    pages: int = 0
    rows: int = 0
    watermark: int | None = None
    # The time up to which changes were followed; None if they are not.
    followed_to: int | None = None
    last_event: int | None = None
    refused: tuple[str, ...] = ()
    # The process that works on the run now, so far as is known; None if it is known to be gone.
    holder: str | None = None

    @property
    def label(self) -> str:
        """The entity, with its account if that is not the key's own."""
        return self.entity if self.stripe_account is None else f"{self.entity}/{self.stripe_account}"

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        times = {name: rfc3339(getattr(self, name)) for name in ("watermark", "followed_to", "last_event")}
        return {**asdict(self), **times, "refused": list(self.refused)}

    def __repr__(self) -> str:
        """Say the list, and the state of its last run."""
        return f"EntityStatus({self.label}: {self.state}, {counted(self.rows, 'row')})"

    def cells(self) -> tuple[str, ...]:
        """Its row of the table."""
        return (
            self.label,
            self.state if self.holder is None else "running",
            f"{self.rows:,}",
            date_time(self.watermark),
            date_time(self.followed_to),
            date_time(self.last_event),
            f"{self.attempts:,}",
            f"{self.pages:,}",
            self.run_id or "-",
        )


@panics_as_errors()
def states(
    tables: Tables,
    *,
    lookback_seconds: int | str,
    checkpoint_table: str | None = None,
    accounts: Sequence[str] | None = None,
) -> list[EntityStatus]:
    """Read the state of all entities that ever ran into these tables, list by list; of these accounts, or of all."""
    state = StateStore(tables, None, checkpoint_table)
    only = among(accounts, state)
    pairs = [pair for pair in state.entities() if only is None or pair[1] in only]
    found = []
    for entity, of_list in groupby(pairs, key=itemgetter(0)):
        names = [account for _, account in of_list]
        found += _accounts_or_errors(state, entity, names, lookback_seconds)
    return found


def _accounts_or_errors(
    state: StateStore, entity: str, accounts: list[str | None], lookback_seconds: int | str
) -> list[EntityStatus]:
    """Read the states of a list's accounts; if its events cannot be read, the error takes their place."""
    try:
        with panics_as_errors():
            # Events of an earlier layout do not say what older ones do: they are read account by account.
            if len(accounts) == 1 or not state.is_current:
                runs = ((state.latest_run(entity, account), account) for account in accounts)
                return [_state(history, entity, account, lookback_seconds) for history, account in runs]
            histories = state.histories([entity], accounts)[entity]
            return [_state(histories.of(account), entity, account, lookback_seconds) for account in accounts]
    except UsageError:
        # It is about an option, and not about the list.
        raise
    except StripeRawError as error:
        line = one_line(error)
        return [EntityStatus(entity, account, next_run="fails the same", error=line) for account in accounts]


def _state(history: History, entity: str, account: str | None, lookback_seconds: int | str) -> EntityStatus:
    newest = history.newest_event_at_micros
    holder = history.holder()
    return EntityStatus(
        entity=entity,
        stripe_account=account,
        run_id=history.run_id,
        state=history.state,
        attempts=history.attempts,
        pages=history.pages,
        rows=history.rows,
        watermark=history.watermark,
        followed_to=history.followed_to,
        last_event=None if newest is None else newest // 1_000_000,
        next_run=history.next_run(lookback_seconds),
        error=one_line(f"{history.error_class}: {history.error_message}") if history.error_class else None,
        refused=tuple(one_line(line) for line in history.refused),
        holder=None if holder is None or is_dead(holder[0]) else one_line(holder[0]),
    )

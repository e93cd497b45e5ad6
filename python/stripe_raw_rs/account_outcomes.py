"""How the accounts of a list have ended: counts, and the errors of those that failed, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stripe_raw_rs.exceptions import InterruptedRunError, StripeRawError
from stripe_raw_rs.text import counted, error_line, first_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stripe_raw_rs._core import Ending


@dataclass(frozen=True)
class AccountFailure:
    """An account whose run has failed. Others of the list went on."""

    stripe_account: str | None
    error_class: str
    message: str

    @property
    def name(self) -> str:
        """The account's id."""
        return self.stripe_account or "the key's own account"

    def line(self, entity: str) -> str:
        """Say which account failed and why, without the name of the list."""
        return f"{self.name}: {self.message.removeprefix(f'{entity}: ')}"


@dataclass(frozen=True)
class AccountOutcomes:
    """The accounts of a list over one call; of one account alone only the number."""

    accounts: int = 1
    complete: int = 0
    # Of the complete ones, those that were not asked: their events say that nothing has happened.
    without_news: int = 0
    # Those that do not have the list.
    skipped: int = 0
    failed: tuple[AccountFailure, ...] = ()

    def line(self) -> str:
        """Say the counts in words: `998 of 1,000 accounts complete, 2 failed`."""
        parts = [
            f"{self.complete:,} of {counted(self.accounts, 'account')} complete",
            *([f"{self.without_news:,} of them without news"] if self.without_news else []),
            *([f"{self.skipped:,} without the list"] if self.skipped else []),
            *([f"{len(self.failed):,} failed"] if self.failed else []),
        ]
        rest = self.accounts - self.complete - self.skipped - len(self.failed)
        return ", ".join([*parts, *([f"{rest:,} not read to the end"] if rest > 0 else [])])

    def error(self, entity: str, whole: BaseException | None, errors: Sequence[BaseException]) -> BaseException | None:
        """Make one error of the one that ended the list as a `whole` and of its accounts', in the order of `failed`.

        What ended the list must not hide how accounts had ended before. It gives None if there are no errors.
        """
        first = whole or next(iter(errors), None)
        has_ended = self.complete + self.skipped + len(self.failed) > 0
        if first is None or self.accounts == 1 or not has_ended:
            return first
        lines = [] if whole is None else [error_line(whole).removeprefix(f"{entity}: ")]
        lines += first_of([failure.line(entity) for failure in self.failed])
        kind = type(first) if isinstance(first, StripeRawError) else StripeRawError
        fields = {name: getattr(whole, name, None) for name in ("status", "code", "request_id")}
        joint = kind(f"{entity}: {self.line()}: {'; '.join(lines)}", **fields)
        joint.__cause__ = first
        return joint


def outcomes(
    accounts: Sequence[str | None], endings: Mapping[str | None, Ending], without_news: int, error: BaseException | None
) -> tuple[AccountOutcomes, list[BaseException]]:
    """Count the accounts by their endings, and give the errors of those that failed.

    An account without an ending had nothing to be asked for. But if the list as a whole has failed with `error`, it was
    not read to its end, like the accounts that met the same error, and those that were stopped because of it.
    """
    errors: dict[str | None, BaseException] = {}
    for account, ending in endings.items():
        if ending.error is not None and not (error is not None and _follows(ending.error, error)):
            errors[account] = ending.error
    ended = sum(ending.is_complete and ending.error is None for ending in endings.values())
    unasked = without_news if error is not None else len(accounts) - len(endings)
    found = AccountOutcomes(
        accounts=len(accounts),
        complete=ended + unasked,
        without_news=without_news,
        skipped=sum(ending.is_skipped for ending in endings.values()),
        failed=tuple(
            AccountFailure(account, getattr(each, "error_class", "Internal"), error_line(each))
            for account, each in errors.items()
        ),
    )
    return found, [*errors.values()]


def _follows(error: BaseException, whole: BaseException) -> bool:
    """Whether an account's error is no other than the whole list's, or comes of it."""
    return isinstance(error, InterruptedRunError) or error_line(error) == error_line(whole)

"""The accounts that a call reads: the key's own, one that is connected to it, or many."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain, without_secrets
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import are_accounts
from stripe_raw_rs.surface import option
from stripe_raw_rs.text import counted, first_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from stripe_raw_rs._core import Client
    from stripe_raw_rs.state_store import StateStore

    class Known(Protocol):
        """A lake, or one that is not there yet."""

        # The key's own account, if the lake or the key names it.
        own_account: str | None

        def entities(self) -> list[tuple[str, str | None]]:
            """List the entities, each with its account, that have events."""


logger = logging.getLogger("stripe_raw_rs")

ALL = "all"
# A file of names: larger ones are something else.
_LARGEST = 64 << 20


def named(options: Mapping[str, Any]) -> list[str] | None:
    """Name the accounts that the options ask for; None for the key's own, and `[ALL]` for all that are connected.

    Raises UsageError for what is neither the id of an account nor a file of them, and for a text that names none. The
    command line has taken an empty option for one that is not given by then.
    """
    one, many = (options.get(name) for name in ("stripe_account", "accounts"))
    if one is not None and many is not None:
        message = (
            f"{option('stripe_account')} and {option('accounts')} exclude each other: add the account to the others"
        )
        raise UsageError(message)
    if many is None:
        if one is not None:
            _core.check_account(one)
        return None if one is None else [one]
    if not isinstance(many, str) or not are_accounts(many):
        return _of_file(Path(many))
    names = _split(many)
    if not names:
        message = f"{option('accounts')} names no account"
        raise UsageError(message)
    if names != [ALL]:
        for name in names:
            _check(name)
    return names


def _split(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _check(name: str, place: str = "") -> None:
    """Raise UsageError if it is no account's name; `place` is where it stands."""
    if name == ALL:
        message = f"{option('accounts')}: {place}'{ALL}' stands alone, because it is all accounts"
        raise UsageError(message)
    try:
        _core.check_account(name)
    except UsageError as error:
        message = f"{option('accounts')}: {place}{error}"
        raise UsageError(message) from None


def _of_file(path: Path) -> list[str]:
    """Read the accounts of a file: one in each line, or several with commas; `#` begins a comment."""
    shown = plain(str(path))
    try:
        text, why = _text(path.expanduser())
    except (OSError, RuntimeError, ValueError) as error:
        text, why = "", plain(getattr(error, "strerror", None) or error)
    if why:
        message = f"{option('accounts')}: '{shown}' is not the id of an account, and as a file it cannot be read: {why}"
        raise UsageError(message)
    names = []
    for number, line in enumerate(text.splitlines(), 1):
        for name in _split(line.partition("#")[0]):
            _check(name, f"line {number} of '{shown}': ")
            names.append(name)
    if not names:
        message = f"{option('accounts')}: the file '{shown}' names no account"
        raise UsageError(message)
    return names


def _text(path: Path) -> tuple[str, str]:
    """Give the text of a file with its secrets masked, or what is wrong with it.

    The file with the key may be given by mistake. So no error begins where a variable holds what the file holds.
    """
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        return "", "it is too large to hold accounts"
    try:
        return without_secrets(content.decode("utf-8-sig")), ""
    except ValueError:
        return "", "it is not a text in UTF-8"


def of_lake(names: list[str] | None, client: Client, state: Known) -> list[str | None]:
    """Give the accounts as the lake knows them, each once; None is the key's own."""
    if names is None:
        return [None]
    # If Stripe does not say it now, the lake knows it from an earlier run.
    own = state.own_account
    if names == [ALL]:
        connected = client.connected_accounts()
        logger.info("%s connected to the key's own", counted(len(connected), "account is", "accounts are"))
        named_by = _each_once([None, *connected], own)
    else:
        named_by = _each_once([*names], own)
        client.reach_by([name for name in named_by.values() if name is not None and "/" in name])
    accounts = [*named_by]
    if None in accounts and own is not None and _is_known_by_id(own, state):
        return [own if account is None else account for account in accounts]
    return accounts


def among(names: Sequence[str] | None, state: StateStore) -> frozenset[str | None] | None:
    """Give the accounts that a reader of the lake is narrowed to; None for all.

    Raises UsageError if the lake has nothing of any of them: a name that is misspelt would look as if all were well.
    """
    if names is None or [*names] == [ALL]:
        return None
    ids = {account_at(name) for name in names}
    known = {state.own_account if account is None else account for _, account in state.entities()}
    unknown = [account for account in dict.fromkeys(account_at(name) for name in names) if account not in known]
    if unknown:
        message = f"the lake has nothing of {', '.join(first_of(unknown, in_json=False))}"
        if len(unknown) == len(ids):
            raise UsageError(message)
        logger.warning("%s", message)
    return frozenset({*ids, *([None] if state.own_account in ids else [])})


def _each_once(names: list[str | None], own: str | None) -> dict[str | None, str | None]:
    """Give the accounts with the names that they have first: their ids, or paths to them. None is the key's own."""
    accounts: dict[str | None, str | None] = {}
    twice: dict[str, None] = {}
    for name in names:
        account = None if name is None else account_at(name)
        account = None if account == own else account
        if account in accounts and name != accounts[account]:
            twice[str(account or own)] = None
        accounts.setdefault(account, name)
    if twice:
        logger.warning("named twice, and read once: %s", ", ".join(first_of([*twice], in_json=False)))
    return accounts


def account_at(path: str) -> str:
    """Give the account that a path leads to: its last id. So an account has the same rows however it is named."""
    return path.rpartition("/")[2]


def _is_known_by_id(own: str, state: Known) -> bool:
    """Whether the lake has runs of the key's own account under its id alone: an earlier version wrote them so."""
    known = {account for _, account in state.entities()}
    return own in known and None not in known


def estimate(client: Client, accounts: list[str | None], lists: int) -> None:
    """Say what many accounts will cost, before their lists are asked."""
    if len(accounts) > 1:
        logger.info("%s", client.estimate(len(accounts), lists))

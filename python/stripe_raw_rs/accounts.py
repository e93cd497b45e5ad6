"""The accounts that a call reads: the key's own, one that is connected to it, or many."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.surface import option
from stripe_raw_rs.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from stripe_raw_rs._core import Client
    from stripe_raw_rs.state_store import StateStore

logger = logging.getLogger("stripe_raw_rs")

ALL = "all"
# A file of names: larger ones are something else.
_LARGEST = 64 << 20
# So many unknown accounts are named, the rest is counted.
_SHOWN = 3


def named(options: Mapping[str, Any]) -> list[str] | None:
    """Name the accounts that the options ask for; None for the key's own, and `[ALL]` for all that are connected.

    Raises UsageError for what is neither the id of an account nor a file of them.
    """
    one, many = (options.get(name) for name in ("stripe_account", "accounts"))
    if one is not None and many is not None:
        message = (
            f"{option('stripe_account')} and {option('accounts')} exclude each other: add the account to the others"
        )
        raise UsageError(message)
    if isinstance(many, str) and not _split(many):
        message = f"{option('accounts')} names no account"
        raise UsageError(message)
    if many is None:
        names = None if one is None else [one]
    elif isinstance(many, str) and many.strip() == ALL:
        return [ALL]
    elif isinstance(many, str) and _are_names(many):
        names = _split(many)
    else:
        return _of_file(Path(many))
    for name in names or ():
        _core.check_account(name)
    return names


def _are_names(text: str) -> bool:
    return any(part.startswith(("acct_", "org_")) for part in _split(text)) or "," in text


def _split(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _of_file(path: Path) -> list[str]:
    """Read the accounts of a file: one in each line, or several with commas; `#` begins a comment."""
    shown = plain(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not a text in UTF-8"
        message = f"accounts: '{shown}' is not the id of an account, and as a file it cannot be read: {plain(why)}"
        raise UsageError(message) from None
    if len(content) > _LARGEST:
        message = f"accounts: the file '{shown}' is too large to hold accounts"
        raise UsageError(message)
    names = []
    for number, line in enumerate(text.splitlines(), 1):
        for name in _split(line.partition("#")[0]):
            try:
                _core.check_account(name)
            except UsageError as error:
                message = f"accounts: line {number} of '{shown}': {error}"
                raise UsageError(message) from None
            names.append(name)
    if not names:
        message = f"accounts: the file '{shown}' names no account"
        raise UsageError(message)
    return names


def of_lake(names: list[str] | None, client: Client, state: StateStore) -> list[str | None]:
    """Give the accounts as the lake knows them, each once; None is the key's own."""
    if names is None:
        return [None]
    own = client.account_id()
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
    ids = {_id(name) for name in names}
    known = {state.own_account if account is None else account for _, account in state.entities()}
    unknown = [account for account in dict.fromkeys(_id(name) for name in names) if account not in known]
    if unknown:
        others = len(unknown) - _SHOWN
        listed = ", ".join(unknown[:_SHOWN]) + (f" and {others:,} more" if others > 0 else "")
        message = f"the lake has nothing of {listed}"
        if len(unknown) == len(ids):
            raise UsageError(message)
        logger.warning("%s", message)
    return frozenset({*ids, *([None] if state.own_account in ids else [])})


def _each_once(names: list[str | None], own: str | None) -> dict[str | None, str | None]:
    """Give the accounts with the names that they have first: their ids, or paths to them. None is the key's own."""
    accounts: dict[str | None, str | None] = {}
    for name in names:
        account = None if name is None else _id(name)
        account = None if account == own else account
        if account in accounts and name != accounts[account]:
            logger.warning("account %s is named twice, and is read once", account or own)
        accounts.setdefault(account, name)
    return accounts


def _id(name: str) -> str:
    """Give the account that a path leads to: its last id. So an account has the same rows however it is named."""
    return name.rpartition("/")[2]


def _is_known_by_id(own: str, state: StateStore) -> bool:
    """Whether the lake has runs of the key's own account under its id alone: an earlier version wrote them so."""
    known = {account for _, account in state.entities()}
    return own in known and None not in known


def estimate(client: Client, accounts: list[str | None], lists: int) -> None:
    """Say what many accounts will cost at least, before anything is asked."""
    if len(accounts) > 1:
        logger.info("%s", client.estimate(len(accounts), lists))

"""The options of the format `stripe`, as processes of Spark read them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain, stray_secret
from stripe_raw_rs.accounts import account_at
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import OPTIONS, SPARK_SOURCE
from stripe_raw_rs.start import seconds_of
from stripe_raw_rs.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_raw_rs._core import Client, Entity

_OPTIONS = ("entity", "accounts", "created_gte", "created_lt", "num_partitions", "settle_seconds")
_SECRET = re.compile("key|secret|token|passw|credential|auth")
# A task costs Spark about 0.2 s of CPU time, and more tasks do not make Stripe allow more.
_PARTITIONS = 4
_MOST_PARTITIONS = 1_000
# An object can become visible some time after its `created`, and the clock of the driver is not that of Stripe. A run
# looks back for it; a stream never reads a time again, so it stays as far behind.
_SETTLE_SECONDS = int(OPTIONS["lookback_seconds"].default)
_MOST_SETTLE_SECONDS = 86_400
# Digits of a number of seconds; with fewer, it is meant as a date.
_SECONDS = re.compile(r"\d{9,12}")


@dataclass(frozen=True)
class Query:
    """What a data frame asks for. Ids of accounts may be paths, None is the key's own; times are seconds since 1970."""

    entity: Entity
    accounts: list[str | None]
    start: int | None
    end: int | None
    partitions: int
    # Seconds by which a stream stays behind the present.
    settle: int = 0


def batch_of(client: Client, options: Mapping[str, str]) -> Query:
    """Read the options of a data frame that is no stream. Raises UsageError if one of them cannot be used."""
    if "settle_seconds" in options:
        message = "settle_seconds is an option of streams: leave it out, created_lt says where a window ends"
        raise UsageError(message)
    return query_of(client, options)


def stream_of(client: Client, options: Mapping[str, str]) -> Query:
    """Read the options of a stream. Raises UsageError if one of them cannot be used."""
    query = query_of(client, options)
    name = query.entity.name
    if query.entity.window != "server":
        message = f"{name} cannot be streamed, because Stripe does not filter it by time: stripe-raw run lands it"
        raise UsageError(message)
    if query.start is None:
        message = f'a stream of {name} needs the time at which it begins: .option("created_gte", "2026-01-01")'
        raise UsageError(message)
    if "created_lt" in options:
        message = f"a stream of {name} has no end: leave created_lt out"
        raise UsageError(message)
    return replace(query, settle=_number("settle_seconds", options, _SETTLE_SECONDS, (0, _MOST_SETTLE_SECONDS)))


def query_of(client: Client, options: Mapping[str, str]) -> Query:
    """Read the options of a data frame. Nothing is asked. Raises UsageError if one of them cannot be used."""
    check_names(options)
    if "entity" not in options:
        message = 'the format stripe needs the name of a list: .option("entity", "charges")'
        raise UsageError(message)
    (entity,) = _core.entities(client.read(options["entity"]).entity)
    start, end = (moment_of(name, options[name]) if name in options else None for name in ("created_gte", "created_lt"))
    if not entity.time_field:
        if start is not None or end is not None:
            message = f"{entity.name}: its objects have no time, so created_gte and created_lt cannot be used"
            raise UsageError(message)
    else:
        # All tasks of an action read the same window, and what arrives meanwhile is above it.
        end = int(time.time()) if end is None else end
        if start is not None and start >= end:
            message = "created_gte must be before created_lt, which is the present time if it is not given"
            raise UsageError(message)
    partitions = _number("num_partitions", options, _PARTITIONS, (1, _MOST_PARTITIONS))
    return Query(entity, _accounts(options.get("accounts")), start, end, partitions)


def check_names(options: Mapping[str, str]) -> None:
    """Raise UsageError for an option that is none, or that looks like a secret."""
    for name, value in options.items():
        if _SECRET.search(name) or stray_secret({"name": name, "value": value}):
            message = (
                f"option '{plain(name)}' looks like a secret, and Spark shows options in its UI, its event log and in "
                "SQL: give the key to register_stripe alone, and roll one that stood here"
            )
            raise UsageError(message)
    for name in options:
        if name not in _OPTIONS:
            meant = ", which is a keyword of register_stripe" if name in SPARK_SOURCE else nearest(name, _OPTIONS)
            message = f"unknown option '{plain(name)}' of the format stripe{meant}"
            raise UsageError(message)


def _accounts(text: str | None) -> list[str | None]:
    if text is None:
        return [None]
    # An account has its rows once, however often and by whichever path it is named.
    names = {account_at(name): name for name in (part.strip() for part in text.split(",")) if name}
    if not names:
        message = "accounts names no account"
        raise UsageError(message)
    for name in names.values():
        _core.check_account(name)
    return [*names.values()]


def moment_of(name: str, text: str) -> int:
    """Read a time, in seconds since 1970. Raises UsageError if it is none."""
    return int(text) if _SECONDS.fullmatch(text.strip()) else seconds_of(name, text)


def _number(name: str, options: Mapping[str, str], default: int, ends: tuple[int, int]) -> int:
    text = options.get(name)
    if text is None:
        return default
    least, most = ends
    number = int(text) if re.fullmatch(r"\d{1,9}", text.strip(), flags=re.ASCII) else -1
    if not least <= number <= most:
        message = f"{name} must be a whole number from {least} to {most:,}, not '{plain(text)}'"
        raise UsageError(message)
    return number

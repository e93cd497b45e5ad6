"""The client of a call: the key from its place, and the options that the compiled half reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core
from stripe_raw_rs.api_key import read_api_key
from stripe_raw_rs.options import COMPILED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_raw_rs._core import ApiKey, Client


def key_of(key: ApiKey | None, options: Mapping[str, Any]) -> ApiKey:
    """Give the key of a call, or read it from the place that the options name."""
    return key or read_api_key(
        secret_scope=options.get("stripe_secret_scope"),
        secret_key=options.get("stripe_secret_key"),
        file=options.get("api_key_file"),
    )


def client_of(key: ApiKey | None, options: Mapping[str, Any]) -> Client:
    """Make the client of a call with the options that are its own. Raises UsageError for one that cannot be used."""
    return _core.Client(key_of(key, options), **{name: options[name] for name in COMPILED if name in options})

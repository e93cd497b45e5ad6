"""The key in the environment: who reads it, and who is not to get it."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stripe_raw_rs._core import KEY_VARIABLE, ApiKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# While one thread has taken the key away, another one that wants to read it waits.
_TAKEN = threading.RLock()


def key_of_environment() -> ApiKey:
    """Read the key from `STRIPE_API_KEY`. Raises UsageError where there is none."""
    with _TAKEN:
        return ApiKey.from_environment()


@contextmanager
def without_key() -> Iterator[None]:
    """Let child processes that are started now, such as Spark's JVM, not inherit the key."""
    with _TAKEN:
        give_back = _take()
        try:
            yield
        finally:
            give_back()


def _take() -> Callable[[], None]:
    key = os.environ.pop(KEY_VARIABLE, None)

    # Kept by a function, which shows it in no traceback, as a variable of `without_key` would be.
    def give_back() -> None:
        if key is not None:
            os.environ[KEY_VARIABLE] = key

    return give_back

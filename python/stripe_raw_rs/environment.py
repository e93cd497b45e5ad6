"""The key in the environment: reading it, and hiding it from child processes and from logs of what is sent."""

from __future__ import annotations

import logging
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
    """Read the key from `STRIPE_API_KEY`. Raises UsageError if there is none."""
    with _TAKEN:
        return ApiKey.from_environment()


@contextmanager
def without_key() -> Iterator[None]:
    """Keep child processes that are started now, such as Spark's JVM, from inheriting the key."""
    with _TAKEN:
        give_back = _take()
        try:
            yield
        finally:
            give_back()


def _take() -> Callable[[], None]:
    key = os.environ.pop(KEY_VARIABLE, None)

    # A function keeps it: no traceback shows it there, as it would show a variable of `without_key`.
    def give_back() -> None:
        if key is not None:
            os.environ[KEY_VARIABLE] = key

    return give_back


class _Quiet:
    """How many threads send something, and what was switched off before the first of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.senders = 0
        self.before = 0


_QUIET = _Quiet()


@contextmanager
def without_debug_log() -> Iterator[None]:
    """Keep what is sent to Spark out of the log: py4j writes it there at the level DEBUG."""
    with _QUIET.lock:
        if _QUIET.senders == 0:
            _QUIET.before = logging.root.manager.disable
            logging.disable(max(_QUIET.before, logging.DEBUG))
        _QUIET.senders += 1
    try:
        yield
    finally:
        with _QUIET.lock:
            _QUIET.senders -= 1
            if _QUIET.senders == 0:
                logging.disable(_QUIET.before)

"""Panics, of the compiled half or of another library, which pass every `except Exception`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from stripe_raw_rs._core import plain
from stripe_raw_rs.exceptions import StripeRawError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise an error in place of a panic, so that a caller who expects errors gets one."""
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        reported = as_error(error)
        if reported is error:
            raise
        raise reported from error


def as_error(error: BaseException) -> BaseException:
    """Make an error of a panic. An exception that ends a program, a generator or a task on purpose stays as it is."""
    if isinstance(error, (Exception, KeyboardInterrupt, SystemExit, GeneratorExit)) or _is_cancellation(error):
        return error
    reported = StripeRawError(
        f"internal error ({plain(type(error).__name__)}): {plain(error)}; all commits stand, and the next run "
        "goes on from there"
    )
    reported.__cause__ = error
    return reported


def _is_cancellation(error: BaseException) -> bool:
    import asyncio  # noqa: PLC0415 - takes a while to load, and is hardly ever needed

    return isinstance(error, asyncio.CancelledError)

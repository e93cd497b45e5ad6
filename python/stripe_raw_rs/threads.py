"""Work in threads that Ctrl-C can stop."""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")

# How often the waiting thread wakes up: it answers Ctrl-C and redraws within this time.
_WAIT_SECONDS = 0.1


def each_in_a_thread(
    work: Callable[[Item], None],
    items: Sequence[Item],
    *,
    tick: Callable[[], None],
    interrupt: Callable[[], None],
) -> bool:
    """Call `work` on all items at once and wait for all of them; `tick` is called meanwhile, several times a second.

    The first Ctrl-C calls `interrupt`, which is to make the work end in good order; a second one leaves at once. The
    threads are daemons so that it can: the tables are safe against being left at any moment. Returns whether there
    was a Ctrl-C.
    """
    remaining = len(items)
    count = threading.Lock()
    # Not Thread.join: a Ctrl-C during it makes Python 3.11 take a running thread for a finished one.
    done = threading.Event()

    def work_on(item: Item) -> None:
        nonlocal remaining
        try:
            work(item)
        finally:
            with count:
                remaining -= 1
                if remaining == 0:
                    done.set()

    for item in items:
        # The context that the caller has set for this call holds for its threads, too.
        threading.Thread(target=copy_context().run, args=(work_on, item), daemon=True).start()
    stopping = False
    while not done.is_set():
        try:
            done.wait(_WAIT_SECONDS)
            tick()
        except KeyboardInterrupt:  # noqa: PERF203 - each round may be the one
            if stopping:
                raise
            stopping = True
            interrupt()
    return stopping

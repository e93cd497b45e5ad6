"""Work in threads that Ctrl-C can stop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item = TypeVar("Item")

# How often the waiting thread looks up: it answers Ctrl-C and redraws within this time.
_WAIT_SECONDS = 0.1


def each_in_a_thread(
    work: Callable[[Item], None],
    items: Iterable[Item],
    *,
    tick: Callable[[], None],
    interrupt: Callable[[], None],
) -> None:
    """Call `work` on all items at once and wait for all of them; `tick` is called meanwhile, several times a second.

    The first Ctrl-C calls `interrupt`, which is to make the work end in good order; a second one leaves at once. The
    threads are daemons so that it can: the tables are safe against being left at any moment.
    """
    threads = [threading.Thread(target=work, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    stopping = False
    while running := [thread for thread in threads if thread.is_alive()]:
        try:
            running[0].join(_WAIT_SECONDS)
            tick()
        except KeyboardInterrupt:  # noqa: PERF203 - each round may be the one
            if stopping:
                raise
            stopping = True
            interrupt()

"""Whether a call lets executors read, and what they get."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.executors import Executors, hold, settings_of
from stripe_raw_rs.surface import option
from stripe_raw_rs.tables import Engine
from stripe_raw_rs.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stripe_raw_rs._core import ApiKey
    from stripe_raw_rs.tables import Tables

logger = logging.getLogger("stripe_raw_rs")

# Tasks of Spark, if nobody says how many may run at once.
_TASKS = 4
# As of partitions of the format stripe.
_MOST_TASKS = 1_000


def check_distributed(options: Mapping[str, Any], tables: Tables) -> Engine | None:
    """Give the tables whose executors are to read; None if this process reads. Raises UsageError if none can."""
    if not options.get("distributed"):
        if "distributed_tasks" in options:
            message = f"{option('distributed_tasks')} is for {option('distributed')}: give both, or none"
            raise UsageError(message)
        return None
    if not isinstance(tables, Engine):
        message = f"{option('distributed')} is for Spark: give {option('catalog')} and {option('schema')}"
        raise UsageError(message)
    if options.get("max_requests") is not None:
        message = (
            f"{option('distributed')} and {option('max_requests')} exclude each other: tasks cannot count together"
        )
        raise UsageError(message)
    if not 1 <= _tasks(options) <= _MOST_TASKS:
        message = f"{option('distributed_tasks')} must be 1 to {_MOST_TASKS:,}"
        raise UsageError(message)
    why = tables.lacks_processes()
    if why is not None:
        message = f"{option('distributed')} cannot be used here: {why}"
        raise UsageError(message)
    return tables


def executors_of(options: Mapping[str, Any], key: ApiKey, tables: Tables) -> Executors | None:
    """Say what executors get, if the options want them. Raises UsageError if they cannot be used."""
    engine = check_distributed(options, tables)
    if engine is None:
        return None
    tasks = _tasks(options)
    logger.info("the limits of requests are shared: one process would read as fast as %s", counted(tasks, "task"))
    return Executors(engine, hold(key), settings_of(options), tasks)


def _tasks(options: Mapping[str, Any]) -> int:
    return int(options.get("distributed_tasks", _TASKS))

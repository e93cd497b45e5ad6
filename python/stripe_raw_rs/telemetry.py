"""Spans and counters by OpenTelemetry: off, and nothing imported, unless an exporter is set or the program uses it.

The names of spans, instruments and attributes are in `resources/docs/monitoring.md`. No attribute has text from Stripe
or an account's id: errors are their classes.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import contextmanager
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

from stripe_raw_rs._core import __version__
from stripe_raw_rs.text import error_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

logger = logging.getLogger("stripe_raw_rs")

_SCOPE = "stripe_raw_rs"
_INSTALL = "pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http"
# The variables of OpenTelemetry's specification that set an exporter.
_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")


@contextmanager
def exporting() -> Iterator[None]:
    """Set OpenTelemetry up if an exporter is set and the program has not done so, and send what is left at the end.

    Nothing of it may stop a run: what goes wrong is one line of the log.
    """
    flush = _start()
    try:
        yield
    except KeyboardInterrupt as error:
        if type(error) is KeyboardInterrupt:
            # The second Ctrl-C, which is to leave at once.
            flush = _nothing
        raise
    finally:
        flush()


def _start() -> Callable[[], None]:
    wanted = [name for name in _EXPORTERS if os.environ.get(name, "").strip().lower() not in ("", "none")]
    if not wanted:
        return _nothing
    try:
        trace = import_module("opentelemetry.trace")
        if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return _nothing
        _configure()
    except ImportError:
        logger.warning("%s is set, but OpenTelemetry is missing: %s", wanted[0], _INSTALL)
    except Exception as error:  # noqa: BLE001 - an exporter is the user's own, and may raise anything
        logger.warning("OpenTelemetry is not used, because its settings cannot be: %s", error_line(error))
    else:
        return _flush
    return _nothing


def _nothing() -> None:
    """Send nothing."""


def _configure() -> None:
    """Let the distribution that is installed do what `opentelemetry-instrument` does."""
    found = [*metadata.entry_points(group="opentelemetry_configurator")]
    if not found:
        message = "no configurator"
        raise ImportError(message)
    is_named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    ours = {} if is_named else {"resource_attributes": {"service.name": _SCOPE}}
    found[0].load()().configure(**ours)


def _flush() -> None:
    """Send what is left: a job's process may live on, or end without the interpreter's own end."""
    try:
        import_module("opentelemetry.trace").get_tracer_provider().force_flush(5_000)
        import_module("opentelemetry.metrics").get_meter_provider().force_flush(5_000)
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("OpenTelemetry could not send everything: %s", error_line(error))


def meter() -> Any | None:  # noqa: ANN401 - the package may not be there
    """Give what makes instruments; None if nobody in this process uses OpenTelemetry."""
    metrics = sys.modules.get("opentelemetry.metrics")
    return None if metrics is None else metrics.get_meter(_SCOPE, __version__)


@contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[dict[str, str | int]]:
    """Make a span of what happens inside; attributes that are put into the answer are added at its end."""
    added: dict[str, str | int] = {}
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        yield added
        return
    # The texts of errors in between may be anybody's, so an error is its class.
    with trace.get_tracer(_SCOPE, __version__).start_as_current_span(
        name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield added
        except BaseException as error:
            added["error.type"] = getattr(error, "error_class", type(error).__name__)
            raise
        finally:
            made.set_attributes(added)
            if "error.type" in added:
                made.set_status(trace.StatusCode.ERROR)


@contextmanager
def committing(table: str, rows: int) -> Iterator[None]:
    """Make a span of a commit, and count its seconds."""
    began = time.monotonic()
    with span("stripe_raw.commit", {"stripe_raw.table": table, "stripe_raw.rows": rows}):
        yield
    made = meter()
    if made is not None:
        seconds = made.create_histogram("stripe_raw.commit.duration", "s", "Time that a commit to a table takes")
        seconds.record(time.monotonic() - began, {"stripe_raw.table": table})

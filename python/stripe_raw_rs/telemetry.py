"""Spans and counters by OpenTelemetry: off, and nothing imported, unless an exporter is set or the program uses it.

The names of spans, instruments and attributes are in `resources/docs/monitoring.md`. No attribute has text from Stripe
or an account's id: errors are their classes.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from contextlib import ExitStack, contextmanager
from importlib import import_module, metadata
from threading import Thread
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
# The longest that a run waits for a collector. The SDK does not keep to the times that it is given.
_SECONDS_TO_SEND = 10.0
# Whether the providers were set up here, and what has gone wrong already.
_ours = False
_told: set[str] = set()


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
    global _ours  # noqa: PLW0603 - as the providers, it is one for the process
    wanted = [name for name in _EXPORTERS if os.environ.get(name, "").strip().lower() not in ("", "none")]
    if not wanted:
        return _nothing
    try:
        trace = import_module("opentelemetry.trace")
        if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return _flush if _ours else _nothing
        _configure()
        _ours = True
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
    trace, metrics = (import_module(f"opentelemetry.{name}") for name in ("trace", "metrics"))
    providers = [trace.get_tracer_provider(), metrics.get_meter_provider()]

    def send() -> None:
        with _guarded("could not send everything"):
            for provider in providers:
                provider.force_flush(5_000)

    sending = Thread(target=send, daemon=True)
    sending.start()
    sending.join(_SECONDS_TO_SEND)
    if sending.is_alive():
        logger.warning("OpenTelemetry could not send everything in %.0f seconds", _SECONDS_TO_SEND)
        for provider in providers:
            # Else the end of the process would wait as long again.
            atexit.unregister(provider.shutdown)


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """Let nothing of it stop a run; each fault is told once."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - processors and exporters are the user's own, and may raise anything
        if what not in _told:
            _told.add(what)
            logger.warning("OpenTelemetry %s: %s", what, error_line(error))


def guarded(make: Callable[[], Any]) -> Any | None:  # noqa: ANN401 - as below
    """Make something of it, such as instruments; None if that fails."""
    made = None
    with _guarded("cannot count"):
        made = make()
    return made  # noqa: RET504 - the guard may have ended its block


def meter() -> Any | None:  # noqa: ANN401 - the package may not be there
    """Give what makes instruments; None if nobody in this process uses OpenTelemetry."""
    metrics = sys.modules.get("opentelemetry.metrics")
    return None if metrics is None else metrics.get_meter(_SCOPE, __version__)


@contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[dict[str, str | int]]:
    """Make a span of what happens inside; attributes that are put into the answer are added at its end."""
    added: dict[str, str | int] = {}
    with ExitStack() as open_spans:
        made = None
        with _guarded("has no spans"):
            made = _begin(open_spans, name, attributes)
        try:
            yield added
        except BaseException as error:
            added["error.type"] = getattr(error, "error_class", type(error).__name__)
            raise
        finally:
            with _guarded("has no spans"):
                if made is not None:
                    _end(made, added)
                open_spans.close()


def _begin(open_spans: ExitStack, name: str, attributes: Mapping[str, str | int]) -> Any | None:  # noqa: ANN401 - as below
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    tracer = trace.get_tracer(_SCOPE, __version__)
    # The texts of errors in between may be anybody's, so an error is its class.
    span = tracer.start_as_current_span(
        name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
    )
    return open_spans.enter_context(span)


def _end(made: Any, added: Mapping[str, str | int]) -> None:  # noqa: ANN401 - the package may not be there
    made.set_attributes(added)
    if "error.type" in added:
        made.set_status(sys.modules["opentelemetry.trace"].StatusCode.ERROR)


@contextmanager
def committing(table: str, rows: int) -> Iterator[None]:
    """Make a span of a commit, and count its seconds."""
    began = time.monotonic()
    with span("stripe_raw.commit", {"stripe_raw.table": table, "stripe_raw.rows": rows}):
        yield
    made = meter()
    if made is None:
        return
    with _guarded("cannot count"):
        seconds = made.create_histogram("stripe_raw.commit.duration", "s", "Time that a commit to a table takes")
        seconds.record(time.monotonic() - began, {"stripe_raw.table": table})

"""Collectors, processors and packages that fail: a run goes on, and says so in one line."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.collector import account, exporting, python, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with account() as found:
        yield found


def test_a_collector_that_is_away_costs_a_run_nothing_but_lines_in_the_log(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    away = {**exporting("http://127.0.0.1:9"), "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    report = run(tmp_path / "lake", stripe, **away)
    assert (report["code"], sum(result["rows"] for result in report["entities"])) == (0, 280)


def test_a_collector_that_never_answers_holds_a_run_up_for_ten_seconds_at_most(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        report = run(tmp_path / "lake", stripe, **exporting(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        took = time.monotonic() - began
    assert report["code"] == 0
    # Starting and landing take some seconds on a machine that has other work. The SDK alone waits for half a minute.
    assert 10 <= took < 25
    assert "OpenTelemetry could not send everything in 10 seconds" in report["stderr"]


@pytest.mark.parametrize(
    "broken",
    [
        "SynchronousMultiSpanProcessor.on_start = fails",
        "SynchronousMultiSpanProcessor.on_end = fails",
        "metrics.get_meter = lambda *_: types.SimpleNamespace(create_counter=fails)",
    ],
)
def test_a_processor_or_an_older_library_that_raises_ends_no_list(
    tmp_path: Path, stripe: StripeSimulator, broken: str
) -> None:
    program = """
        import sys, types
        from opentelemetry import metrics, trace
        from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor, TracerProvider

        def fails(*given, **named):
            raise RuntimeError("broken")

        trace.set_tracer_provider(TracerProvider())
        {broken}
        import stripe_raw_rs
        report = stripe_raw_rs.ingest(lake=sys.argv[1], entities="refunds", api_base_url=sys.argv[2])
        print(report.exit_code, report["refunds"].rows)
    """
    shown = python(program.replace("{broken}", broken), str(tmp_path / "lake"), stripe.url)
    assert shown == "0 30\n"


def test_settings_that_cannot_be_used_are_one_line_and_the_run_goes_on(tmp_path: Path, stripe: StripeSimulator) -> None:
    report = run(tmp_path / "lake", stripe, OTEL_TRACES_EXPORTER="carrier_pigeon")
    assert report["code"] == 0
    (line,) = (line for line in report["stderr"].splitlines() if "OpenTelemetry" in line)
    assert "carrier_pigeon" in line


def test_an_exporter_without_the_packages_is_one_line_that_says_what_to_install(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    hidden = tmp_path / "hidden" / "opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden')")
    report = run(
        tmp_path / "lake", stripe, PYTHONPATH=str(hidden.parent), OTEL_METRICS_EXPORTER="otlp", OTEL_TRACES_EXPORTER=""
    )
    assert report["code"] == 0
    (line,) = (line for line in report["stderr"].splitlines() if "OpenTelemetry" in line)
    assert "OTEL_METRICS_EXPORTER is set" in line
    assert "pip install opentelemetry-distro" in line

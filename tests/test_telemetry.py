"""Spans and counters: sent to a collector that is real, over HTTP, in the protocol of OpenTelemetry."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call, variables
from tests.conftest import KEY
from tests.documents import DOCS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PACKAGE = ROOT / "python" / "stripe_raw_rs"
COUNTS = {"charges": 250, "refunds": 30}


class Collector:
    """What came to each path of a server on this machine."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = defaultdict(list)
        self.url = ""

    @property
    def spans(self) -> list[Any]:
        requests = map(ExportTraceServiceRequest.FromString, self.bodies["/v1/traces"])
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def sums(self, name: str) -> dict[tuple[str, ...], float]:
        """The newest value of each series, by the values of its attributes."""
        found: dict[tuple[str, ...], float] = {}
        for request in map(ExportMetricsServiceRequest.FromString, self.bodies["/v1/metrics"]):
            for resource in request.resource_metrics:
                metrics = [metric for scope in resource.scope_metrics for metric in scope.metrics]
                for metric in (metric for metric in metrics if metric.name == name):
                    kind = getattr(metric, metric.WhichOneof("data"))
                    for point in kind.data_points:
                        value = point.count if hasattr(point, "count") else point.as_int or point.as_double
                        found[tuple(attributes(point.attributes).values())] = value
        return found


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    values = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
    return dict(sorted(values.items(), reverse=True))


@contextmanager
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies[self.path].append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def exporting(url: str) -> dict[str, str]:
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
    }


def run(lake: Path, stripe: StripeSimulator, entities: str = "charges,refunds", **environment: str) -> dict[str, Any]:
    done = call("run", lake, "--entities", entities, "--output=json", "--api-base-url", stripe.url, **environment)
    assert done.returncode in (0, 1), done.stderr
    return {**json.loads(done.stdout), "stderr": done.stderr, "code": done.returncode}


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with StripeSimulator(seed=3, counts=COUNTS) as found:
        yield found


def test_a_run_sends_a_span_for_the_call_for_each_list_and_for_each_commit(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    with collector() as found:
        report = run(tmp_path / "lake", stripe, **exporting(found.url))
    by_id = {span.span_id: span for span in found.spans}
    (call_span,) = (span for span in found.spans if span.name == "stripe_raw.ingest")
    lists = {attributes(span.attributes)["stripe_raw.entity"]: span for span in found.spans if "list" in span.name}
    assert lists.keys() == COUNTS.keys()
    assert {span.parent_span_id for span in lists.values()} == {call_span.span_id}
    results = {result["entity"]: result for result in report["entities"]}
    for name, span in lists.items():
        said = attributes(span.attributes)
        assert said["stripe_raw.rows"] == COUNTS[name]
        assert said["stripe_raw.run_id"] == results[name]["run_id"]
        assert said["stripe_raw.state"] == "complete"
    commits = [span for span in found.spans if span.name == "stripe_raw.commit"]
    rows = [attributes(span.attributes) for span in commits if by_id[span.parent_span_id].name == "stripe_raw.list"]
    assert sum(row["stripe_raw.rows"] for row in rows if "checkpoint" not in row["stripe_raw.table"]) == 280
    assert found.sums("stripe_raw.commit.duration")


def test_counters_say_what_the_report_says_and_why_requests_were_sent_again(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    stripe.set_faults("status=429@charges:n2,status=500@charges:n4,reset_head@refunds:n1")
    with collector() as found:
        report = run(tmp_path / "lake", stripe, STRIPE_RAW_BACKOFF_BASE_SECONDS="0.01", **exporting(found.url))
    results = {result["entity"]: result for result in report["entities"]}
    for counter, name in (("requests", "requests"), ("rows", "rows"), ("bytes", "bytes")):
        expected = {(entity,): result[name] for entity, result in results.items()}
        assert found.sums(f"stripe_raw.{counter}") == expected
    assert found.sums("stripe_raw.retries") == {
        ("charges", "RateLimit"): 1,
        ("charges", "Server"): 1,
        ("refunds", "Connection"): 1,
    }
    assert all(0 < lag < 10 * 365 * 86_400 for lag in found.sums("stripe_raw.lag").values())
    assert found.sums("stripe_raw.lag").keys() == {("charges",), ("refunds",)}


def test_a_list_that_fails_has_the_class_of_its_error_and_no_text(tmp_path: Path) -> None:
    with StripeSimulator(seed=3, counts=COUNTS, denied=["refunds"]) as stripe, collector() as found:
        assert run(tmp_path / "lake", stripe, **exporting(found.url))["code"] == 1
    by_list = {
        attributes(span.attributes)["stripe_raw.entity"]: span for span in found.spans if span.name == "stripe_raw.list"
    }
    assert attributes(by_list["refunds"].attributes)["error.type"] == "Permission"
    assert by_list["refunds"].status.code == 2
    assert not by_list["refunds"].events
    assert by_list["charges"].status.code == 0


def test_the_key_is_in_nothing_that_is_sent(tmp_path: Path, stripe: StripeSimulator) -> None:
    with collector() as found:
        run(tmp_path / "lake", stripe, **exporting(found.url))
    sent = b"".join(body for bodies in found.bodies.values() for body in bodies)
    assert sent
    assert KEY.encode() not in sent
    assert KEY[-8:].encode() not in sent


def test_a_collector_that_is_away_costs_a_run_nothing_but_lines_in_the_log(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    away = {**exporting("http://127.0.0.1:9"), "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    report = run(tmp_path / "lake", stripe, **away)
    assert (report["code"], sum(result["rows"] for result in report["entities"])) == (0, 280)


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


def python(program: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        env=variables(KEY, environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_document_names_each_span_instrument_and_variable_and_no_other() -> None:
    text = (DOCS / "monitoring.md").read_text(encoding="utf-8")
    code = "".join(
        (PACKAGE / name).read_text(encoding="utf-8") for name in ("telemetry.py", "counters.py", "pipeline.py")
    )
    name = r"""stripe_raw(?:\.\w+)+"""
    assert {*re.findall(f"`({name})`", text)} == {*re.findall(f'"({name})"', code)}
    given = dict(re.findall(r"(OTEL_\w+)=(\S+)", text))
    assert given == {**exporting("http://localhost:4318")}


def test_without_an_exporter_nothing_of_it_is_imported(tmp_path: Path, stripe: StripeSimulator) -> None:
    program = """
        import sys, stripe_raw_rs
        stripe_raw_rs.ingest(lake=sys.argv[1], entities="refunds", api_base_url=sys.argv[2])
        print([name for name in sys.modules if name.startswith("opentelemetry")])
    """
    for exporter in ("", "none"):
        assert python(program, str(tmp_path / "lake"), stripe.url, OTEL_TRACES_EXPORTER=exporter) == "[]\n"


def test_a_program_with_providers_of_its_own_gets_spans_inside_its_own_and_keeps_them(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    program = """
        import sys
        from opentelemetry import metrics, trace
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        trace.set_tracer_provider(provider)
        metrics.set_meter_provider(MeterProvider([reader]))

        import stripe_raw_rs
        with trace.get_tracer("program").start_as_current_span("nightly") as nightly:
            stripe_raw_rs.ingest(lake=sys.argv[1], entities="refunds", api_base_url=sys.argv[2])
        done = {span.name: span for span in spans.get_finished_spans()}
        assert done["stripe_raw.ingest"].parent.span_id == nightly.get_span_context().span_id
        data = reader.get_metrics_data()
        print(sorted(metric.name for each in data.resource_metrics for scope in each.scope_metrics
                     for metric in scope.metrics))
    """
    # The exporters of the environment are not for a program that has set its own providers.
    shown = python(program, str(tmp_path / "lake"), stripe.url, OTEL_TRACES_EXPORTER="carrier_pigeon")
    names = ("bytes", "commit.duration", "lag", "requests", "rows")
    assert shown.splitlines() == [str([f"stripe_raw.{name}" for name in names])]

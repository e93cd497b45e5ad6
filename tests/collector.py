"""A collector of OpenTelemetry on this machine, and runs that send to it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call, variables
from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


COUNTS = {"charges": 250, "refunds": 30}


def account(**settings: Any) -> StripeSimulator:
    """An account with some charges and refunds."""
    return StripeSimulator(seed=3, counts=COUNTS, **settings)


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

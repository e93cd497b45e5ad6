"""Spans and counters: sent to a collector that is real, over HTTP, in the protocol of OpenTelemetry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.collector import COUNTS, account, attributes, collector, exporting, python, run
from tests.conftest import KEY
from tests.documents import DOCS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

PACKAGE = ROOT / "python" / "stripe_raw_rs"


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with account() as found:
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
    with account(denied=["refunds"]) as stripe, collector() as found:
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


def test_each_call_of_a_process_sends_what_it_has(tmp_path: Path, stripe: StripeSimulator) -> None:
    program = """
        import os, sys, stripe_raw_rs
        for name in ("one", "two"):
            stripe_raw_rs.ingest(lake=f"{sys.argv[1]}/{name}", entities="refunds", api_base_url=sys.argv[2])
        os._exit(0)
    """
    with collector() as found:
        python(program, str(tmp_path), stripe.url, **exporting(found.url))
    assert [span.name for span in found.spans].count("stripe_raw.ingest") == 2
    assert found.sums("stripe_raw.rows") == {("refunds",): 60}

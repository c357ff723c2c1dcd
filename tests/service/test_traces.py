"""Traces: spans for a request and its stages, with nothing of a draft; off without a collector."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.metrics import Metrics
from service.traces import Traces
from tests.service.drafts import BLOCKED
from tests.service.running import running, settings_for


def test_without_a_collector_nothing_of_the_package_is_needed() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; from service.traces import Traces; print(Traces.to(''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "None\n", done.stderr


def test_a_collector_without_the_package_is_refused_by_name() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; from service.traces import Traces; Traces.to('http://x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "TracesError: SCREENING_OTEL_ENDPOINT is set" in done.stderr


def test_a_request_and_its_stages_are_spans_of_the_callers_trace(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="NOT TESTED: traces (the extra `otel` is not installed)")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    seen = InMemorySpanExporter()
    traces = Traces(SimpleSpanProcessor(seen))
    with running(settings_for(tmp_path)) as service:
        service.parts.metrics.traces = traces
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        service.screen(BLOCKED, {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        service.client.get("/screenings/Zanzibar")
    spans = {span.name: span for span in seen.get_finished_spans()}
    assert spans.keys() == {"/screen", "order", "judge", "store", "/screenings/{screening_id}"}
    asked = spans["/screen"]
    assert asked.attributes is not None
    assert asked.attributes["http.response.status_code"] == 200
    assert f"{asked.context.trace_id:032x}" == trace
    for name in ("order", "judge", "store"):
        assert spans[name].parent is not None
        assert spans[name].parent.span_id == asked.context.span_id
    told = "".join(span.to_json() for span in spans.values())
    for word in ("mug", "GG-8K2P", "Zanzibar", "gateway"):
        assert word not in told


def test_metrics_without_traces_still_count() -> None:
    metrics = Metrics()
    metrics.stage("judge", 0.001)
    assert b'screening_stage_seconds_count{stage="judge"} 1.0' in metrics.text({}, "v1")

"""Traces: spans for a request and its stages, with nothing of a draft; off without a collector."""

import gzip
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from service.telemetry.metrics import Metrics
from service.telemetry.traces import Traces
from tests.service.drafts import BLOCKED
from tests.service.running import running, settings_for


def test_without_a_collector_nothing_of_the_package_is_needed() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; "
    code += "from service.telemetry.traces import Traces; print(Traces.to(''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "None\n", done.stderr


def test_a_collector_without_the_package_is_refused_by_name() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; from service.telemetry.traces import Traces; Traces.to('http://x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "TracesError: SCREENING_OTEL_ENDPOINT is set" in done.stderr


def test_a_request_and_its_stages_are_spans_of_the_callers_trace(tmp_path: Path) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    seen = InMemorySpanExporter()
    traces = Traces(SimpleSpanProcessor(seen))
    with running(settings_for(tmp_path)) as service:
        service.services.metrics.traces = traces
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


class Collector(BaseHTTPRequestHandler):
    """Takes what an exporter posts."""

    got: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_a_collector_named_in_the_settings_is_sent_the_spans_and_nothing_of_a_draft(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
        with running(settings_for(tmp_path, otel_endpoint=endpoint)) as service:
            service.screen(BLOCKED)
        collector.shutdown()
        thread.join(10)
    assert {path for path, _ in Collector.got} == {"/v1/traces"}
    told = b"".join(body for _, body in Collector.got)
    for name in (b"draft-screening", b"/screen", b"judge", b"store"):
        assert name in told
    for word in (b"mug", b"GG-8K2P", b"gateway"):
        assert word not in told


def test_metrics_without_traces_still_count() -> None:
    metrics = Metrics()
    metrics.stage("judge", 0.001)
    assert b'screening_stage_seconds_count{stage="judge"} 1.0' in metrics.text({}, "v1")

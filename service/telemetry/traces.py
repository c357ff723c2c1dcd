"""OpenTelemetry traces, where a collector is named and the extra `otel` is installed: a span for request and stages.

A span holds the route, status, request id and times; nothing of a draft, a caller or an address.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NANO = 1_000_000_000


class TracesError(ValueError):
    """Traces are asked for and cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A request's span that is not ended yet, and what restores the context before it."""

    span: Any
    token: Any


class Traces:
    """Makes spans and hands them to a span processor."""

    def __init__(self, processor: Any) -> None:
        """`processor`: an OpenTelemetry SpanProcessor."""
        from opentelemetry import context, trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = TracerProvider(resource=Resource.create({"service.name": "draft-screening"}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("service")
        self._context, self._trace = context, trace
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def to(cls, endpoint: str) -> "Traces | None":
        """Traces sent in batches to an OTLP/HTTP collector; None without one. Raises TracesError."""
        if not endpoint:
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise TracesError("SCREENING_OTEL_ENDPOINT is set, but the extra `otel` is not installed") from error
        return cls(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))

    def begin(self, method: str, request_id: str, headers: Mapping[bytes, bytes]) -> OpenSpan:
        """Open a request's span, within the caller's trace where its `traceparent` names one."""
        carrier = {"traceparent": headers.get(b"traceparent", b"").decode("latin-1")}
        span = self._tracer.start_span(
            "request",
            context=self._propagator.extract(carrier),
            kind=self._trace.SpanKind.SERVER,
            attributes={"http.request.method": method, "screening.request_id": request_id},
        )
        return OpenSpan(span, self._context.attach(self._trace.set_span_in_context(span)))

    def end(self, opened: OpenSpan, route: str, status: int) -> None:
        """End a request's span; `route` is the path's pattern."""
        self._context.detach(opened.token)
        opened.span.update_name(route)
        opened.span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            opened.span.set_status(self._trace.StatusCode.ERROR)
        opened.span.end()

    def stage(self, name: str, seconds: float) -> None:
        """A span of a stage that has just ended, within the request's."""
        now = time.time_ns()
        self._tracer.start_span(name, start_time=now - int(seconds * _NANO)).end(now)

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()

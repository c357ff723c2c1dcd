"""Prometheus metrics: decisions, labels, rule hits, latency by stage. Labels are bounded: our own words alone."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.telemetry.traces import Traces

STAGES = ("order", "judge", "store", "whole")
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True, slots=True)
class LabelledGauge:
    """One value of a gauge `screening_<name>`. The labels are words of ours, so their number is bounded."""

    name: str
    help: str
    labels: Mapping[str, str]
    value: float


class Metrics:
    """The counters of one app. Several workers share them through PROMETHEUS_MULTIPROC_DIR."""

    def __init__(self, traces: Traces | None = None) -> None:
        """`traces`, where given, receive the same stages and requests."""
        self.traces = traces
        self._registry = CollectorRegistry()
        registry = self._registry
        self._stage = Histogram(
            "screening_stage_seconds", "Time by stage.", ["stage"], buckets=_BUCKETS, registry=registry
        )
        self._decisions = Counter("screening_decisions", "Verdicts.", ["mode", "decision"], registry=registry)
        self._labels = Counter("screening_labels", "Labels asserted.", ["label"], registry=registry)
        self._findings = Counter("screening_findings", "Findings by id.", ["id", "severity"], registry=registry)
        self._incomplete = Counter("screening_incomplete", "Verdicts cut short by the budget.", registry=registry)
        self._errors = Counter("screening_http_errors", "Error answers by status.", ["status"], registry=registry)
        self._requests = Counter("screening_http_requests", "Requests by route.", ["route"], registry=registry)
        self._shed = Counter("screening_shed", "Turned away because too much came.", ["reason"], registry=registry)
        self._store_failures = Counter("screening_store_failures", "Errors of the store.", registry=registry)
        self._stages = {name: self._stage.labels(name) for name in STAGES}
        self._children: dict[tuple[str, ...], Counter] = {}

    def stage(self, name: str, seconds: float) -> None:
        """Note how long a stage took."""
        self._stages[name].observe(seconds)
        if self.traces and name != "whole":
            self.traces.stage(name, seconds)

    def verdict(self, mode: str, decision: str, labels: Iterable[str], findings: Iterable[tuple[str, str]]) -> None:
        """Count one verdict. Finding ids are those of rule book and policy, so their number is bounded."""
        self._child(self._decisions, mode, decision).inc()
        for label in labels:
            self._child(self._labels, label).inc()
        for finding_id, severity in findings:
            self._child(self._findings, finding_id, severity).inc()

    def incomplete(self) -> None:
        """Count a verdict that the time budget cut short."""
        self._incomplete.inc()

    def shed(self, reason: str) -> None:
        """Count one that was turned away; `reason` is a word of ours."""
        self._child(self._shed, reason).inc()

    def store_failed(self) -> None:
        """Count an error of the store."""
        self._store_failures.inc()

    def answered(self, route: str, status: int) -> None:
        """Count one answer; `route` is the path's pattern."""
        self._child(self._requests, route).inc()
        if status >= 400:
            self._child(self._errors, str(status)).inc()

    def _child(self, counter: Counter, *values: str) -> Counter:
        key = (counter._name, *values)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = counter.labels(*values)
        return child

    def text(self, gauges: dict[str, float], model: str, labelled: Iterable[LabelledGauge] = ()) -> bytes:
        """The exposition, with gauges read now and the version of the model that serves."""
        now = CollectorRegistry()
        for name, value in gauges.items():
            Gauge(f"screening_{name}", name.replace("_", " ").capitalize() + ".", registry=now).set(value)
        Gauge("screening_model", "The model that serves.", ["version"], registry=now).labels(model).set(1)
        made: dict[str, Gauge] = {}
        for one in labelled:
            name = f"screening_{one.name}"
            gauge = made.get(name) or made.setdefault(name, Gauge(name, one.help, [*one.labels], registry=now))
            (gauge.labels(**one.labels) if one.labels else gauge).set(one.value)
        return generate_latest(self._counted()) + generate_latest(now)

    def _counted(self) -> CollectorRegistry:
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self._registry
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return shared

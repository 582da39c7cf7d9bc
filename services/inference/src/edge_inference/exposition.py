"""What the recorder counted, as Prometheus families and as the metrics port's application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge_inference.drift import Figures
from edge_inference.metrics import GAUGES, Histogram, Recorder


def scrape_app(recorder: Recorder) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """Return the WSGI application of the metrics port."""
    registry = CollectorRegistry()
    registry.register(cast(Collector, recorder))
    ProcessCollector(registry=registry)
    metrics = cast(Callable[[dict[str, Any], Any], Iterable[bytes]], make_wsgi_app(registry))

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # prometheus_client answers any path: a probe on the wrong port would be green for ever.
        if environ["PATH_INFO"] not in ("/metrics", "/"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"only /metrics is here; health and inference have a port of their own\n"]
        return metrics(environ, start_response)

    return app


def families(recorder: Recorder) -> Iterator[Metric]:
    """Yield every family of the contract, from a recorder that nobody writes to any more."""
    mv, names = [recorder.model, recorder.version], ["model", "version"]
    requests = CounterMetricFamily("edge_inference_requests", "Infer calls by outcome.", labels=[*names, "outcome"])
    for outcome, count in recorder.outcomes.items():
        requests.add_metric([*mv, outcome], count)
    yield requests
    yield _histogram("request_duration_seconds", "Whole infer call.", names, [(mv, recorder.duration)])
    yield _histogram(
        "stage_duration_seconds",
        "Stages of an infer call that was answered.",
        [*names, "stage"],
        [([*mv, stage], histogram) for stage, histogram in recorder.stages.items()],
    )
    yield _histogram("batch_size", "Leading dimension of the first input.", names, [(mv, recorder.batch)])
    traffic = CounterMetricFamily("edge_inference_bytes", "Body bytes of infer calls.", labels=["direction"])
    for direction, size in recorder.bytes.items():
        traffic.add_metric([direction], size)
    yield traffic
    info = GaugeMetricFamily("edge_inference_model_info", "What is served.", labels=[*names, *recorder.info])
    info.add_metric([*mv, *recorder.info.values()], 1)
    yield info
    failures = CounterMetricFamily("edge_inference_selfcheck_failures", "Starts whose self-check failed.", labels=names)
    failures.add_metric(mv, recorder.selfcheck_failures)
    yield failures
    slow = CounterMetricFamily("edge_inference_over_budget", "Answered calls that took over the budget.", labels=names)
    slow.add_metric(mv, recorder.over_budget)
    yield slow
    for name, value in recorder.gauges.items():
        per_model = name not in {"threads", "cpu_limit_cores", "memory_limit_bytes"}
        gauge = GaugeMetricFamily(f"edge_inference_{name}", GAUGES[name], labels=names if per_model else [])
        gauge.add_metric(mv if per_model else [], value())
        yield gauge
    classes = CounterMetricFamily("edge_inference_class", "Predictions by class.", labels=[*names, "class"])
    for label, count in recorder.class_counts.items():
        classes.add_metric([*mv, label], count)
    yield classes
    yield _histogram(
        "score",
        "Scores of the predicted class.",
        [*names, "class"],
        [([*mv, label], scores) for label, scores in recorder.classes.items()],
    )
    yield from _drift(names, mv, recorder.drift.figures(recorder.recent))


def _drift(names: list[str], mv: list[str], figures: Figures) -> Iterator[Metric]:
    index = GaugeMetricFamily(
        "edge_inference_drift_psi",
        "Population stability index of recent predictions against the bundle's reference; 0 while there are too few.",
        labels=[*names, "of"],
    )
    for of, comparison in (("score", figures.score), ("class", figures.classes)):
        index.add_metric([*mv, of], comparison.psi or 0.0)
    yield index
    for name, text, weight in (
        ("predictions", "Weight of recent predictions.", figures.predictions),
        ("reference_predictions", "Predictions of the bundle's reference; 0 is none.", float(figures.reference)),
    ):
        gauge = GaugeMetricFamily(f"edge_inference_drift_{name}", text, labels=names)
        gauge.add_metric(mv, weight)
        yield gauge
    for name, text, shares in (
        ("class_share", "Share of recent predictions by class.", figures.shares),
        ("class_share_reference", "Share of the bundle's reference by class.", figures.reference_shares),
    ):
        family = GaugeMetricFamily(f"edge_inference_{name}", text, labels=[*names, "class"])
        for label, share in shares.items():
            family.add_metric([*mv, label], share)
        yield family


def _histogram(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Histogram]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(f"edge_inference_{name}", text, labels=labels)
    for values, histogram in rows:
        family.add_metric(values, buckets=histogram.buckets(), sum_value=histogram.total * histogram.unit)
    return family

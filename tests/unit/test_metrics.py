"""Every series of the contract is there from the start, with zeros, and counts what happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

from edge_common.manifest import Reference
from edge_inference.drift import Drift
from edge_inference.exposition import scrape_app
from edge_inference.metrics import GAUGES, OUTCOMES, SCORES, SECONDS, STAGES, Histogram, Recorder, Timing

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _recorder(labels: list[str]) -> Recorder:
    recorder = Recorder(labels)
    recorder.model, recorder.version = "m", "1.0.0"
    recorder.info = {"sha256": "ab", "task": "tensor", "runtime": "onnxruntime"}
    return recorder


def _samples(families: Iterable[Metric]) -> Samples:
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def _scrape(recorder: Recorder, accept: str = "") -> tuple[str, str]:
    found: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], exc: Any = None) -> None:
        found.update(headers, status=status)

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics", "QUERY_STRING": "", "HTTP_ACCEPT": accept}
    body = b"".join(scrape_app(recorder)(environ, start))
    assert found["status"] == "200 OK"
    return body.decode(), found["Content-Type"]


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"edge_inference_{name}", frozenset(labels.items())


class Still:
    """A clock at which nothing fades."""

    def monotonic(self) -> float:
        return 0.0

    time = monotonic


MV = {"model": "m", "version": "1.0.0"}
FROM_THE_START = [
    *[_key("requests_total", **MV, outcome=outcome) for outcome in ("ok", "invalid", "rejected", "timeout", "failed")],
    _key("request_duration_seconds_count", **MV),
    _key("request_duration_seconds_sum", **MV),
    *[_key("request_duration_seconds_bucket", **MV, le=edge) for edge in ("0.005", "0.05", "0.1", "+Inf")],
    *[_key("stage_duration_seconds_count", **MV, stage=stage) for stage in ("decode", "queue", "run", "encode")],
    _key("batch_size_count", **MV),
    *[_key("bytes_total", direction=direction) for direction in ("in", "out")],
    *[_key(name, **MV) for name in ("in_flight", "queue_length", "ready")],
    *[_key(name, **MV) for name in ("model_load_seconds", "selfcheck_seconds", "selfcheck_failures_total")],
    *[_key(name, **MV) for name in ("budget_seconds", "memory_budget_bytes", "over_budget_total")],
    *[_key("drift_psi", **MV, of=of) for of in ("score", "class")],
    *[_key(name, **MV) for name in ("drift_predictions", "drift_reference_predictions")],
    *[_key("class_share", **MV, **{"class": label}) for label in ("bolt", "nut")],
    *[_key("class_share_reference", **MV, **{"class": label}) for label in ("bolt", "nut")],
    _key("memory_limit_bytes"),
    _key("threads"),
    _key("cpu_limit_cores"),
    *[_key("class_total", **MV, **{"class": label}) for label in ("bolt", "nut")],
    *[_key("score_count", **MV, **{"class": label}) for label in ("bolt", "nut")],
]


@pytest.mark.parametrize("form", ["text", "openmetrics"])
def test_everything_is_zero_at_the_start_in_both_forms(form: str) -> None:
    accept = "application/openmetrics-text; version=1.0.0" if form == "openmetrics" else ""
    text, kind = _scrape(_recorder(["bolt", "nut"]), accept)
    assert kind.startswith("application/openmetrics-text" if form == "openmetrics" else "text/plain")
    samples = _samples(
        parse_open(text)  # type: ignore[no-untyped-call]
        if form == "openmetrics"
        else parse_text(text)
    )
    assert [key for key in FROM_THE_START if samples.get(key) != 0] == []
    assert samples[_key("model_info", **MV, sha256="ab", task="tensor", runtime="onnxruntime")] == 1


def test_every_outcome_counts_once_and_only_an_answer_has_stages() -> None:
    recorder = _recorder([])
    for outcome in OUTCOMES:
        timing = Timing(decode=1_000_000, queue=2_000_000, run=3_000_000, encode=4_000_000, batch=2)
        timing.bytes_in, timing.bytes_out = 10, 5
        assert recorder.finish(timing, outcome) > 0
    samples = _samples(recorder.collect())
    assert [samples[_key("requests_total", **MV, outcome=outcome)] for outcome in OUTCOMES] == [1] * len(OUTCOMES)
    assert samples[_key("request_duration_seconds_count", **MV)] == len(OUTCOMES)
    for stage, seconds in zip(STAGES, (0.001, 0.002, 0.003, 0.004), strict=True):
        assert samples[_key("stage_duration_seconds_count", **MV, stage=stage)] == 1
        assert samples[_key("stage_duration_seconds_sum", **MV, stage=stage)] == pytest.approx(seconds)
    assert samples[_key("bytes_total", direction="in")] == 10 * len(OUTCOMES)
    assert samples[_key("bytes_total", direction="out")] == 5 * len(OUTCOMES)
    assert samples[_key("batch_size_bucket", **MV, le="1.0")] == 0
    assert samples[_key("batch_size_bucket", **MV, le="2.0")] == 1
    sums = recorder.sums()
    assert sums["success"][0] == 1 and sums["fail"][0] == len(OUTCOMES) - 1 and sums["run"] == (1, 3_000_000)


@pytest.mark.parametrize(
    ("budget_s", "outcome", "count"),
    [
        pytest.param(1e-9, "ok", 1, id="over"),
        pytest.param(1e-9, "failed", 0, id="over, but not answered"),
        pytest.param(1000.0, "ok", 0, id="within"),
        pytest.param(0.0, "ok", 0, id="no budget"),
    ],
)
def test_an_answer_over_the_budget_is_counted(budget_s: float, outcome: str, count: int) -> None:
    recorder = Recorder([], budget_s=budget_s)
    recorder.model, recorder.version = "m", "1.0.0"
    recorder.finish(Timing(), outcome)
    assert _samples(recorder.collect())[_key("over_budget_total", **MV)] == count


def test_drift_is_told_beside_the_reference() -> None:
    reference = Reference(predictions=100, classes={"bolt": 75, "nut": 25}, score_edges=[0.5], score_counts=[50, 50])
    recorder = Recorder(["bolt", "nut"], Drift(["bolt", "nut"], reference, minimum=80, clock=Still()))
    recorder.model, recorder.version = "m", "1.0.0"
    recorder.count_classes([("nut", 0.9)] * 79)
    samples = _samples(recorder.collect())
    assert samples[_key("drift_predictions", **MV)] == 79 and samples[_key("drift_reference_predictions", **MV)] == 100
    assert [samples[_key("drift_psi", **MV, of=of)] for of in ("score", "class")] == [0, 0]
    recorder.count_classes([("nut", 0.9)])
    samples = _samples(recorder.collect())
    assert all(samples[_key("drift_psi", **MV, of=of)] > 0.25 for of in ("score", "class"))
    assert samples[_key("class_share", **MV, **{"class": "nut"})] == 1
    assert samples[_key("class_share_reference", **MV, **{"class": "nut"})] == 0.25


def test_the_process_is_among_the_metrics() -> None:
    samples = _samples(parse_text(_scrape(_recorder([]))[0]))
    for name in ("resident_memory_bytes", "start_time_seconds", "cpu_seconds_total"):
        assert samples[(f"process_{name}", frozenset())] > 0


def test_a_histogram_is_cumulative_and_an_edge_belongs_to_its_bucket() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 2.0), ("2.0", 4.0), ("+Inf", 5.0)] and histogram.total == 14.0


def test_edges_sit_on_the_objectives() -> None:
    assert {0.005, 0.05, 0.1} <= set(SECONDS)
    assert list(SECONDS) == sorted(SECONDS) and list(SCORES) == sorted(SCORES)


def test_a_class_that_the_labels_lack_makes_no_series() -> None:
    recorder = _recorder(["bolt", "nut"])
    before = _samples(recorder.collect()).keys()
    recorder.count_classes([("bolt", 0.95), ("bolt", 0.05), ("7", 0.5)])
    after = _samples(recorder.collect())
    assert after.keys() == before
    assert after[_key("class_total", **MV, **{"class": "bolt"})] == 2
    assert after[_key("score_bucket", **MV, **{"class": "bolt", "le": "0.1"})] == 1
    assert after[_key("class_total", **MV, **{"class": "nut"})] == 0


def test_gauges_are_read_at_the_scrape() -> None:
    recorder, value = _recorder([]), 1.0
    recorder.gauges["in_flight"] = lambda: value
    assert _samples(recorder.collect())[_key("in_flight", **MV)] == 1
    value = 2.0
    assert _samples(recorder.collect())[_key("in_flight", **MV)] == 2
    assert recorder.gauges.keys() == GAUGES.keys()

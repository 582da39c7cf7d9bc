"""What the served model is and does, as the protocol's documents. Plain data, no framework."""

from __future__ import annotations

from typing import Any

from edge_common.manifest import Metric
from edge_common.tensors import TensorSpec
from edge_inference.drift import Comparison, Figures
from edge_inference.example import example
from edge_inference.metrics import Histogram
from edge_inference.service import LOADING, Service

PLATFORM = "onnxruntime_onnx"


def metadata(service: Service) -> dict[str, Any]:
    """Model metadata; raises NotReady before the graph is loaded."""
    engine = service.plane().engine
    return {
        "name": service.bundle.name,
        "versions": [service.bundle.version],
        "platform": PLATFORM,
        "inputs": [_tensor(spec) for spec in engine.inputs],
        "outputs": [_tensor(spec) for spec in engine.outputs],
        "parameters": parameters(service),
    }


def parameters(service: Service) -> dict[str, str]:
    """What a client needs to read the answers, all strings; `labels` as in labels.txt, one a line."""
    bundle = service.bundle
    facts = {
        "task": bundle.task,
        "description": bundle.description,
        "sha256": bundle.sha256 or "",
        "labels": "\n".join(bundle.labels),
        **{f"answer_{key}": output for key, output in bundle.answer.outputs().items()},
    }
    if bundle.image is not None:
        facts |= {"image_input": bundle.image.input, "image_max_side": str(bundle.image.max_side)}
    return {key: value for key, value in facts.items() if value}


def config(service: Service) -> dict[str, Any]:
    """Triton's model configuration as far as load generators read it; shapes include the batch dimension."""
    engine = service.plane().engine
    return {
        "name": service.bundle.name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": 0,
        "input": [_config_tensor(spec) for spec in engine.inputs],
        "output": [_config_tensor(spec) for spec in engine.outputs],
        "instance_group": [{"name": service.bundle.name, "kind": "KIND_CPU", "count": 1}],
        "default_model_filename": service.bundle.model_path.name,
        "parameters": {key: {"string_value": value} for key, value in parameters(service).items()},
    }


def statistics(service: Service) -> dict[str, Any]:
    """Triton's statistics extension."""
    recorder = service.recorder
    sums = recorder.sums()
    # There is no response cache to hit or miss.
    none = {"count": 0, "ns": 0}

    def entry(key: str) -> dict[str, int]:
        count, nanoseconds = sums[key]
        return {"count": count, "ns": nanoseconds}

    return {
        "model_stats": [
            {
                "name": service.bundle.name,
                "version": service.bundle.version,
                "last_inference": recorder.last_inference_ms,
                "inference_count": sums["success"][0],
                "execution_count": sums["success"][0],
                "inference_stats": {
                    "success": entry("success"),
                    "fail": entry("fail"),
                    "queue": entry("queue"),
                    "compute_input": entry("decode"),
                    "compute_infer": entry("run"),
                    "compute_output": entry("encode"),
                    "cache_hit": none,
                    "cache_miss": none,
                },
                "batch_stats": [],
                "memory_usage": [],
                "response_stats": {},
            }
        ]
    }


def index(service: Service) -> list[dict[str, str]]:
    """The repository index: this one model and its state."""
    state = "READY" if service.ready else "LOADING" if service.reason == LOADING else "UNAVAILABLE"
    return [
        {
            "name": service.bundle.name,
            "version": service.bundle.version,
            "state": state,
            "reason": service.reason,
        }
    ]


def status(service: Service, now: float) -> dict[str, Any]:
    """What the page shows: latencies in ms and counts per bucket, both since the start, and a sample to try.

    Raises nothing for a bundle without samples or a model that is not ready: `example` is None then.
    """
    recorder, report = service.recorder, service.report
    card = service.bundle.source
    return {
        "name": service.bundle.name,
        "version": service.bundle.version,
        "ready": service.ready,
        "reason": service.reason,
        "time": now,
        "threads": service.threads,
        "metrics_port": service.metrics_port,
        "outcomes": recorder.outcomes,
        "latency_ms": _latencies(recorder.duration),
        "run_ms": _latencies(recorder.stages["run"]),
        "selfcheck": None
        if report is None
        else {"samples": report.samples, "p95_ms": report.p95_ms, "memory_mb": report.memory_mb},
        "drift": drift(recorder.drifted()),
        "metric": _metric(card.metric),
        "framework": card.framework,
        "parameters": parameters(service),
        "buckets": {
            "bounds": list(recorder.duration.bounds),
            "counts": list(recorder.duration.counts),
            "run_counts": list(recorder.stages["run"].counts),
        },
        "example": example(service),
    }


def drift(figures: Figures) -> dict[str, Any]:
    """How recent predictions compare with the bundle's reference; `psi` is None while there are too few of either."""
    return {
        "reference": figures.reference,
        "predictions": figures.predictions,
        "score": _comparison(figures.score),
        "class": _comparison(figures.classes),
        "shares": figures.shares,
        "reference_shares": figures.reference_shares,
    }


def _comparison(found: Comparison) -> dict[str, float | None]:
    return {"psi": found.psi, "by_chance": found.by_chance, "wanted": found.wanted}


def _metric(metric: Metric | None) -> dict[str, Any] | None:
    if metric is None:
        return None
    return {"name": metric.name, "value": metric.original if metric.converted is None else metric.converted}


def _latencies(histogram: Histogram) -> dict[str, float | None]:
    return {f"p{int(share * 100)}": _quantile(histogram, share) for share in (0.5, 0.95, 0.99)}


def _quantile(histogram: Histogram, share: float) -> float | None:
    """Interpolated within its bucket, in ms; None without observations."""
    counts, bounds = list(histogram.counts), histogram.bounds
    rank, seen = share * sum(counts), 0
    if not rank:
        return None
    for i, count in enumerate(counts):
        if seen + count >= rank and count:
            low = bounds[i - 1] if i else 0.0
            high = bounds[i] if i < len(bounds) else bounds[-1]
            return round((low + (high - low) * (rank - seen) / count) * 1000, 3)
        seen += count
    return round(bounds[-1] * 1000, 3)


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _config_tensor(spec: TensorSpec) -> dict[str, Any]:
    kind = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return {"name": spec.name, "data_type": f"TYPE_{kind}", "dims": list(spec.shape)}

"""One reading of an inference pod: what it serves, and its counters."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.cluster.scrape import NoMetrics, Samples
from edgectl.rollout.tally import Tally

_PREFIX = "edge_inference_"


@dataclass(frozen=True, slots=True)
class Figures:
    """`started` is the process's, in epoch seconds; 0 where it does not tell. `budget_s` 0: the bundle has none."""

    model: str
    version: str
    tally: Tally
    started: float = 0.0
    selfcheck_failures: float = 0.0
    budget_s: float = 0.0


def read(samples: Samples) -> Figures:
    """Return the figures of a scrape.

    Raises:
        NoMetrics: it is no inference service's, or one whose model is not loaded yet.
    """
    info = next(samples.each(f"{_PREFIX}model_info"), None)
    if info is None or not info[0].get("version"):
        raise NoMetrics("its model is not loaded yet")
    labels = info[0]
    stages = samples.value(f"{_PREFIX}stage_duration_seconds_sum")
    tally = Tally(
        outcomes=samples.by(f"{_PREFIX}requests_total", "outcome"),
        durations=samples.buckets(f"{_PREFIX}request_duration_seconds"),
        busy_s=stages or 0.0,
        cpu_s=samples.value("process_cpu_seconds_total") or 0.0,
        over_budget=samples.value(f"{_PREFIX}over_budget_total") or 0.0,
        classes=samples.by(f"{_PREFIX}class_total", "class"),
        scores=samples.buckets(f"{_PREFIX}score"),
    )
    return Figures(
        labels.get("model", ""),
        labels["version"],
        tally,
        samples.value("process_start_time_seconds") or 0.0,
        samples.value(f"{_PREFIX}selfcheck_failures_total") or 0.0,
        samples.value(f"{_PREFIX}budget_seconds") or 0.0,
    )

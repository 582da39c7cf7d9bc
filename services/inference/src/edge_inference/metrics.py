"""What the service counts: one accumulator a request touches once, read by Prometheus and by the statistics."""

from __future__ import annotations

import copy
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf, isfinite
from typing import TYPE_CHECKING

from edge_common.answers import series_names
from edge_inference.drift import Drift, Figures

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

OUTCOMES = ("ok", "invalid", "rejected", "timeout", "failed")
STAGES = ("decode", "queue", "run", "encode")
# Edges sit on the 5, 50 and 100 ms objectives so that p95 is read, not interpolated.
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
BATCHES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
NANOSECOND = 1e-9
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Histogram:
    """Counts per bucket and a sum; not locked: its owner is.

    Values are observed in units of `unit`: nanoseconds stay whole numbers until somebody reads them.
    """

    __slots__ = ("_edges", "bounds", "counts", "total", "unit")

    def __init__(self, bounds: Sequence[float], unit: float = 1.0) -> None:
        self.bounds = bounds
        self.unit = unit
        self.counts = [0] * (len(bounds) + 1)
        self.total: float = 0
        self._edges = [round(bound / unit, 9) for bound in bounds]

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self._edges, value)] += 1
        self.total += value

    def copy(self) -> Histogram:
        still = Histogram(self.bounds, self.unit)
        still.counts[:] = self.counts
        still.total = self.total
        return still

    @property
    def count(self) -> int:
        return sum(self.counts)

    def buckets(self) -> list[tuple[str, float]]:
        edges = [*map(str, self.bounds), "+Inf"]
        return [(edge, float(count)) for edge, count in zip(edges, accumulate(self.counts), strict=True)]


@dataclass(slots=True)
class Timing:
    """One request: nanoseconds per stage, filled as it goes."""

    started: int = field(default_factory=time.perf_counter_ns)
    decode: int = 0
    queue: int = 0
    run: int = 0
    encode: int = 0
    batch: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class Recorder:
    """Every figure of one served model, exported from the start with zeros.

    A call answered in more than `budget_s` is counted; 0 is no budget.
    """

    def __init__(self, labels: Sequence[str], drift: Drift | None = None, budget_s: float = 0.0) -> None:
        self.model, self.version = "", ""
        self.info: dict[str, str] = {}
        self.gauges: dict[str, Callable[[], float]] = dict.fromkeys(GAUGES, lambda: 0.0)
        self.outcomes = dict.fromkeys(OUTCOMES, 0)
        self.duration = Histogram(SECONDS, NANOSECOND)
        self.stages = {stage: Histogram(SECONDS, NANOSECOND) for stage in STAGES}
        self.batch = Histogram(BATCHES)
        self.bytes = {"in": 0, "out": 0}
        self.last_inference_ms = 0
        self.selfcheck_failures = 0
        self.over_budget = 0
        self._budget_ns = budget_s / NANOSECOND if budget_s else inf
        self._failed_ns = 0
        self._observe_stages = tuple(histogram.observe for histogram in self.stages.values())
        # Label values come from labels.txt, never from a request; labels past the bound share one.
        names = series_names(labels)
        self.classes = {name: Histogram(SCORES) for name in names}
        self.class_counts = dict.fromkeys(names, 0)
        self._class_of = dict(zip(labels, names, strict=True))
        self.drift = drift or Drift(labels)
        self.recent = self.drift.recent(self.class_counts.values())
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """Calls counted so far, whatever became of them."""
        return self.duration.count

    def finish(self, timing: Timing, outcome: str) -> float:
        """Count one infer call and return its duration in seconds."""
        spent = time.perf_counter_ns() - timing.started
        with self._lock:
            self.outcomes[outcome] += 1
            self.duration.observe(spent)
            self.bytes["in"] += timing.bytes_in
            self.bytes["out"] += timing.bytes_out
            if outcome == "ok":
                decode, queue, run, encode = self._observe_stages
                decode(timing.decode)
                queue(timing.queue)
                run(timing.run)
                encode(timing.encode)
                self.batch.observe(timing.batch)
                if spent > self._budget_ns:
                    self.over_budget += 1
                self.last_inference_ms = time.time_ns() // 1_000_000
            else:
                self._failed_ns += spent
        return spent * NANOSECOND

    def count_classes(self, answers: Iterable[tuple[str, float | None]]) -> None:
        """Count predicted (label, score) pairs; a label that labels.txt lacks is left out.

        A score under no label, or of a model without labels, is counted for drift alone.
        """
        drift, known = self.drift, self._class_of
        bins, edges = drift.bins, drift.edges
        with self._lock:
            now = drift.now()
            if now >= drift.due:
                drift.settle(self.class_counts.values(), now)
            for label, score in answers:
                name = known.get(label)
                if name is not None:
                    self.class_counts[name] += 1
                elif label and known:
                    continue
                # One NaN or infinity would be in the sum for good.
                if score is not None and isfinite(score):
                    if name is not None:
                        self.classes[name].observe(score)
                    if bins:
                        bins[bisect_left(edges, score)] += 1

    @property
    def counts_predictions(self) -> bool:
        """Whether `count_classes` has anything to count in."""
        return bool(self._class_of or self.drift.bins)

    def drifted(self) -> Figures:
        """Return how the recent predictions compare with the bundle's reference."""
        with self._lock:
            recent = self.drift.recent(self.class_counts.values())
        return self.drift.figures(recent)

    def sums(self) -> dict[str, tuple[int, int]]:
        """(count, nanoseconds) per success, fail and stage, for the statistics extension."""
        with self._lock:
            good = self.outcomes["ok"]
            sums = {stage: (histogram.count, int(histogram.total)) for stage, histogram in self.stages.items()}
            sums["success"] = (good, int(self.duration.total) - self._failed_ns)
            sums["fail"] = (self.duration.count - good, self._failed_ns)
            return sums

    def collect(self) -> Iterator[Metric]:
        """Yield every family of the contract."""
        # Imported here: prometheus_client brings an HTTP server, and only a scrape needs it, not the start.
        from edge_inference.exposition import families

        return families(self._still())

    def _still(self) -> Recorder:
        """A copy of what is counted, so that no call waits until all of it is written out."""
        still = copy.copy(self)
        with self._lock:
            still.outcomes, still.bytes = dict(self.outcomes), dict(self.bytes)
            still.class_counts = dict(self.class_counts)
            still.recent = self.drift.recent(self.class_counts.values())
            still.duration, still.batch = self.duration.copy(), self.batch.copy()
            still.stages = {stage: histogram.copy() for stage, histogram in self.stages.items()}
            still.classes = {name: scores.copy() for name, scores in self.classes.items()}
        return still


GAUGES = {
    "in_flight": "Inferences running.",
    "queue_length": "Requests waiting for a slot.",
    "model_load_seconds": "Time to load the model.",
    "selfcheck_seconds": "Time of warm-up and self-check.",
    "ready": "1 when /v2/health/ready says 200.",
    "threads": "ONNX Runtime intra-op threads.",
    "cpu_limit_cores": "CPU this process may use.",
    "memory_limit_bytes": "Memory this process may use; 0 is no limit.",
    "budget_seconds": "The bundle's p95 budget; 0 is none.",
    "memory_budget_bytes": "The bundle's memory budget; 0 is none.",
}

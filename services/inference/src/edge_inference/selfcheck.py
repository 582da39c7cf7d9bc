"""What a model must show on this very machine before it is ready: golden answers, then its budget."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_common.bundle import Bundle, BundleError, check_graph
from edge_common.errors import EdgeError
from edge_common.golden import Golden, check_golden_matches, compare, load_all
from edge_common.manifest import Budget
from edge_common.target import check_target
from edge_common.tensors import Array
from edge_inference.engine import Engine

log = logging.getLogger(__name__)

# Runs timed for the p95: enough to have a 95th percentile, within a bound of time for slow models.
TIMED_RUNS = 40
MIN_RUNS = 5
TIMED_SECONDS = 3.0


class CheckFailed(Exception):
    """The model must not be served here; the text is one line that says what differs."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked; times in ms and memory in MB (10^6). `p50_ms` is None where no run was like a real one."""

    samples: int
    p50_ms: float | None
    p95_ms: float
    memory_mb: float


def check_machine(bundle: Bundle, onnxruntime: str) -> None:
    """Raise CheckFailed when the graph was optimised for another machine or version of ONNX Runtime: do not load it."""
    try:
        check_target(bundle, onnxruntime)
    except BundleError as exc:
        raise CheckFailed(str(exc)) from None


def self_check(engine: Engine, bundle: Bundle, *, since_exec_s: Callable[[], float], hold_budget: bool) -> Report:
    """Warm up, compare every golden sample, time runs, and hold the budget. `since_exec_s` is asked at the end.

    Raises:
        CheckFailed: a sample differs, or an enforced budget is exceeded.
        BundleError: the samples do not belong to this graph.
    """
    check_graph(bundle, engine.inputs, engine.outputs)
    samples = load_all(bundle)
    for golden in samples:
        check_golden_matches(golden, engine.inputs, engine.outputs)
        _check_sample(engine, golden, bundle)
    feeds: Sequence[Mapping[str, Array]] = [golden.inputs for golden in samples] or [engine.example()]
    try:
        times = _timed(engine, feeds)
    except EdgeError as exc:
        if samples:
            raise CheckFailed(f"golden {samples[0].name}: {exc}") from None
        log.info("no warm-up: zeros do not fit this model", extra={"reason": str(exc)})
        times = []
    # Zeros of 1 in every free dimension say nothing of a real frame.
    alike = times and (samples or all(dim >= 0 for spec in engine.inputs for dim in spec.shape))
    p50_ms = _quantile(times, 0.5) if alike else None
    report = Report(len(samples), p50_ms, _quantile(times or [0.0], 0.95), resident_mb())
    if hold_budget:
        _hold(bundle.budget, report, since_exec_s() * 1000)
    return report


def _check_sample(engine: Engine, golden: Golden, bundle: Bundle) -> None:
    names = list(golden.outputs)
    try:
        outputs = engine.run(golden.inputs, names)
    except EdgeError as exc:
        raise CheckFailed(f"golden {golden.name}: {exc}") from None
    difference = compare(golden, dict(zip(names, outputs, strict=True)), bundle.golden.rtol, bundle.golden.atol)
    if difference is not None:
        raise CheckFailed(str(difference))


def _timed(engine: Engine, feeds: Sequence[Mapping[str, Array]]) -> list[float]:
    """Milliseconds per run, after one warm-up each: the first real frame must not pay for it."""
    for feed in feeds:
        engine.run(feed)
    times: list[float] = []
    end = time.perf_counter() + TIMED_SECONDS
    while len(times) < TIMED_RUNS and (len(times) < MIN_RUNS or time.perf_counter() < end):
        started = time.perf_counter()
        engine.run(feeds[len(times) % len(feeds)])
        times.append((time.perf_counter() - started) * 1000)
    return times


def _hold(budget: Budget, report: Report, cold_start_ms: float) -> None:
    for key, limit, found in (
        ("p95_ms", budget.p95_ms, report.p95_ms),
        ("cold_start_ms", budget.cold_start_ms, cold_start_ms),
        ("memory_mb", budget.memory_mb, report.memory_mb),
    ):
        if limit is not None and found > limit:
            text = f"budget.{key}: want at most {limit:g}, got {found:.4g} on this machine"
            if budget.enforce:
                raise CheckFailed(text)
            log.warning("over budget, not enforced", extra={"reason": text})


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def resident_mb() -> float:
    """Resident memory of this process in MB (10^6 bytes, as in a bundle's budget), 0 where /proc does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:")), 0.0)

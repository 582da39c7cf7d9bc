"""The served model's life: loading, ready, failed, draining; and how it comes to be ready."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edge_common.bundle import Bundle
from edge_common.errors import NotReady
from edge_inference.cpu import CpuLimit
from edge_inference.drift import Drift
from edge_inference.gate import Gate
from edge_inference.memory import give_back, memory_limit
from edge_inference.metrics import Recorder
from edge_inference.settings import Settings

if TYPE_CHECKING:
    from edge_inference.plane import Plane
    from edge_inference.selfcheck import Report

log = logging.getLogger(__name__)

# A run this short is over before a second thread gets the interpreter: slots would only add waiting.
SHORT_RUN_MS = 1.0
SHORT_RUN_SLOTS = 64
LOADING = "loading"


class Service:
    """What the routes may ask: the bundle, the recorder, and the plane once ready."""

    def __init__(self, settings: Settings, bundle: Bundle, limit: CpuLimit) -> None:
        self.settings = settings
        self.bundle = bundle
        self.threads = settings.threads or limit.threads
        drift = Drift(
            bundle.labels,
            bundle.reference,
            half_life_s=settings.drift_half_life_s,
            minimum=settings.drift_min_predictions,
        )
        self.recorder = Recorder(bundle.labels, drift, (bundle.budget.p95_ms or 0.0) / 1000)
        self.report: Report | None = None
        self.reason = LOADING
        self.metrics_port = settings.metrics_port
        self.leaving = False
        self.closing = False
        self._plane: Plane | None = None
        self._state = threading.Lock()
        self._load_seconds = 0.0
        self._selfcheck_seconds = 0.0
        self.recorder.model, self.recorder.version = bundle.name, bundle.version
        self.recorder.info = {"sha256": bundle.sha256 or "", "task": bundle.task, "runtime": "onnxruntime"}
        self._export(limit)

    @property
    def ready(self) -> bool:
        return not self.reason

    def plane(self) -> Plane:
        """Return the loaded model, or raise NotReady with the reason."""
        if self._plane is None or self.closing:
            self.check_ready()
        return cast("Plane", self._plane)

    def check_ready(self) -> None:
        """Raise NotReady with the reason unless new work is wanted."""
        if self.reason:
            raise NotReady(f"model is not ready: {self.reason}")

    def load(self, started: float) -> None:
        """Check the hash, load, warm up, self-check, and become ready. `started` is exec time, as `since_boot`.

        Raises:
            StartError: a broken bundle; the process should end with 2.
            CheckFailed: the model must not be served on this machine; the process should end with 3.
        """
        # Imported here: health answers while ONNX Runtime's libraries are still on their way in.
        import onnxruntime

        from edge_inference.engine import Engine
        from edge_inference.jsonbody import JsonReader
        from edge_inference.plane import Plane
        from edge_inference.selfcheck import check_machine, self_check

        digest = self.bundle.check_hash()
        self.recorder.info |= {"sha256": digest, "runtime": f"onnxruntime-{onnxruntime.__version__}"}
        with self._failure_told():
            check_machine(self.bundle, onnxruntime.__version__)
        engine = Engine.open(
            self.bundle.model_path,
            digest,
            threads=self.threads,
            cache_dir=self.settings.cache_dir,
            name=self.bundle.name,
            optimised=self.bundle.target is not None,
        )
        self._load_seconds = engine.load_seconds
        begun = time.perf_counter()
        try:
            with self._failure_told():
                self.report = self_check(
                    engine, self.bundle, since_exec_s=lambda: since_boot() - started, hold_budget=self.settings.budget
                )
        finally:
            self._selfcheck_seconds = time.perf_counter() - begun
        gate = Gate(self._slots(self.report), self.settings.max_queue, self.settings.queue_wait_ms / 1000)
        self._plane = Plane(
            self.bundle.name,
            self.bundle.version,
            engine,
            gate,
            self.recorder,
            self.bundle.answer,
            self.bundle.labels,
            JsonReader(self.settings.max_json_bytes),
        )
        gauges = self.recorder.gauges
        gauges["in_flight"] = lambda: float(gate.in_flight)
        gauges["queue_length"] = lambda: float(gate.queue_length)
        give_back()
        # A signal may have come while it loaded: then the reason is no longer "loading", and it stays unready.
        with self._state:
            if self.reason == LOADING:
                self.reason = ""
        log.info(
            "ready after %.3f s: %d threads, %d at once, %s graph",
            since_boot() - started,
            self.threads,
            gate.limit,
            "cached" if engine.cached else "bundled",
            extra={"model": self.bundle.name, "version": self.bundle.version},
        )

    @contextmanager
    def _failure_told(self) -> Iterator[None]:
        """Count a failed check, and give it as the reason for not being ready."""
        from edge_inference.selfcheck import CheckFailed

        try:
            yield
        except CheckFailed as exc:
            self.recorder.selfcheck_failures += 1
            self.reason = f"self-check failed: {exc}"
            raise

    def leave(self, reason: str, *, closing: bool) -> None:
        """No longer ready, and every answer ends its connection, so that clients turn to another pod; once `closing`,
        infer is refused too."""
        with self._state:
            self.reason = reason
            self.leaving = True
            self.closing = closing

    def _slots(self, report: Report) -> int:
        if self.settings.max_in_flight:
            return self.settings.max_in_flight
        short = report.p50_ms is not None and report.p50_ms < SHORT_RUN_MS
        return SHORT_RUN_SLOTS if short else max(1, self.threads)

    def _export(self, limit: CpuLimit) -> None:
        budget, memory = self.bundle.budget, memory_limit()
        self.recorder.gauges |= {
            "ready": lambda: float(self.ready),
            "model_load_seconds": lambda: self._load_seconds,
            "selfcheck_seconds": lambda: self._selfcheck_seconds,
            "threads": lambda: float(self.threads),
            "cpu_limit_cores": lambda: limit.cores,
            "memory_limit_bytes": lambda: float(memory),
            "budget_seconds": lambda: (budget.p95_ms or 0.0) / 1000,
            "memory_budget_bytes": lambda: (budget.memory_mb or 0.0) * 1e6,
        }


def since_boot() -> float:
    """Seconds since the machine started; no clock that is set later moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def process_started() -> float:
    """Return when this process was executed, as `since_boot`; now where /proc does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return since_boot()
    return ticks / os.sysconf("SC_CLK_TCK")

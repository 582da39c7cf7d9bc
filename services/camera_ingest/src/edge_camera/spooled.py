"""The spool joined to the process: its counters are metrics, and it stands between events and sinks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_camera.ingest import Outlet
from edge_camera.metrics import Metrics
from edge_camera.sinks.base import Outbox, Sink
from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Fault, Loss
from edge_camera.spool.outbox import SpooledOutbox
from edge_camera.spool.spool import Spool
from edge_common.clock import Clock


class SpoolMetrics:
    """Count in Prometheus what the spool tells."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def dropped(self, priority: str, cause: Loss, count: int) -> None:
        """See SpoolCounters."""
        self._metrics.spool_dropped.labels(priority, cause.value).inc(count)

    def fault(self, kind: Fault) -> None:
        """See SpoolCounters."""
        self._metrics.spool_faults.labels(kind.value).inc()

    def written(self, count: int) -> None:
        """See SpoolCounters."""
        self._metrics.spool_written.inc(count)

    def synced(self) -> None:
        """See SpoolCounters."""
        self._metrics.spool_syncs.inc()


def open_spool(config: SpoolConfig | None, metrics: Metrics, clock: Clock) -> Spool | None:
    """Return the spool that a config asks for, with its gauges."""
    if config is None:
        return None
    spool = Spool.open(Path(config.path), config, clock, SpoolMetrics(metrics))
    metrics.spool_bytes.set_function(lambda: float(spool.stats().bytes))
    metrics.spool_oldest.set_function(lambda: spool.stats().oldest_s)
    return spool


def outlets(sinks: Sequence[Sink], spool: Spool | None, metrics: Metrics) -> list[Outlet]:
    """Return a queue for each sink, or the spool for all of them."""
    if spool is None:
        return [Outbox(sink, metrics) for sink in sinks]
    counters = SpoolMetrics(metrics)
    return [SpooledOutbox(spool, sinks, lambda sink, what: metrics.events.labels(sink, what.value).inc(), counters)]

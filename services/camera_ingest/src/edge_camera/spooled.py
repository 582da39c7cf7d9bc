"""The spool joined to the process: its counters are metrics, and it stands between events and sinks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_camera.ingest import Outlet
from edge_camera.metrics import Delivery, Metrics
from edge_camera.sinks.base import Sink
from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Fault, Loss
from edge_camera.spool.outbox import Count, SpooledOutbox
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


class SinkDrops:
    """Count what the memory before one sink loses as dropped by that sink: there is no spool that others know of."""

    def __init__(self, metrics: Metrics, sink: str) -> None:
        self._metrics, self._sink = metrics, sink

    def dropped(self, priority: str, cause: Loss, count: int) -> None:  # noqa: ARG002  # one series tells all of it
        """See SpoolCounters."""
        self._metrics.events.labels(self._sink, Delivery.DROPPED.value).inc(count)

    def fault(self, kind: Fault) -> None:
        """See SpoolCounters; there is no disk."""

    def written(self, count: int) -> None:
        """See SpoolCounters; there is no disk."""

    def synced(self) -> None:
        """See SpoolCounters; there is no disk."""


def open_spool(config: SpoolConfig | None, metrics: Metrics, clock: Clock) -> Spool | None:
    """Return the spool that a config asks for, with its gauges."""
    if config is None:
        return None
    spool = Spool.open(Path(config.path), config, clock, SpoolMetrics(metrics))
    metrics.spool_bytes.set_function(lambda: float(spool.stats().bytes))
    metrics.spool_max.set(config.max_bytes)
    metrics.spool_oldest.set_function(lambda: spool.stats().oldest_s)
    return spool


def outlets(sinks: Sequence[Sink], spool: Spool | None, metrics: Metrics, clock: Clock) -> list[Outlet]:
    """Return the spool for all sinks, or without one a memory for each: an important event waits for one sink alone."""

    def count(sink: str, what: Delivery) -> None:
        metrics.events.labels(sink, what.value).inc()

    if spool is not None:
        return [SpooledOutbox(spool, sinks, count, SpoolMetrics(metrics))]
    return [_of_memory(sink, count, SinkDrops(metrics, sink.name), clock) for sink in sinks]


def _of_memory(sink: Sink, count: Count, drops: SinkDrops, clock: Clock) -> SpooledOutbox:
    return SpooledOutbox(Spool.in_memory(clock, drops), [sink], count, drops)

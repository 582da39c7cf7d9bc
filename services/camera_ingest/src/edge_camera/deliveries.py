"""How events get out, for the page: what each sink took, and how full the spool is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from prometheus_client.metrics import MetricWrapperBase

from edge_camera.metrics import Delivery, Metrics
from edge_camera.spool.spool import SpoolStats


class SinkView(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one sink since the start; `waiting` for it in the spool at most, null when that is not known."""

    name: str
    ok: int
    failed: int
    dropped: int
    waiting: int | None


class SpoolView(msgspec.Struct, frozen=True, kw_only=True):
    """`oldest_s`: the age of the oldest event that a sink waits for, 0 when none does. `lost`: events, since the
    start. `writable` is False while the disk takes nothing."""

    bytes: int
    max_bytes: int
    oldest_s: float
    lost: int
    writable: bool


class DeliveriesView(msgspec.Struct, frozen=True, kw_only=True):
    """Every sink, and the spool when there is one."""

    sinks: list[SinkView]
    spool: SpoolView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """Look at the counters that Prometheus reads, so that page and metrics never differ.

    `max_bytes` is the spool's cap, None without a spool; `stats` its own word on who waits and on its disk.
    """

    metrics: Metrics
    sinks: list[str]
    max_bytes: int | None = None
    stats: Callable[[], SpoolStats] | None = None

    def view(self) -> DeliveriesView:
        """Return the figures of this moment."""
        stats = None if self.stats is None else self.stats()
        counted = _values(self.metrics.events, "sink", "outcome")
        sinks = [_sink(name, counted, stats) for name in self.sinks]
        return DeliveriesView(sinks=sinks, spool=None if self.max_bytes is None else self._spool(self.max_bytes, stats))

    def _spool(self, max_bytes: int, stats: SpoolStats | None) -> SpoolView:
        metrics = self.metrics
        return SpoolView(
            bytes=int(sum(_values(metrics.spool_bytes).values())),
            max_bytes=max_bytes,
            oldest_s=round(sum(_values(metrics.spool_oldest).values()), 1),
            lost=int(sum(_values(metrics.spool_dropped, "priority", "cause").values())),
            writable=stats is None or stats.writable,
        )


def _sink(name: str, counted: dict[tuple[str, ...], float], stats: SpoolStats | None) -> SinkView:
    return SinkView(
        name=name,
        ok=int(counted.get((name, Delivery.OK.value), 0)),
        failed=int(counted.get((name, Delivery.FAILED.value), 0)),
        dropped=int(counted.get((name, Delivery.DROPPED.value), 0)),
        waiting=None if stats is None else stats.waiting.get(name),
    )


def _values(metric: MetricWrapperBase, *labels: str) -> dict[tuple[str, ...], float]:
    """Return a counter's or gauge's values by the values of its labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in metric.collect()
        for sample in family.samples
        # A counter may also tell when it was made.
        if not sample.name.endswith("_created")
    }

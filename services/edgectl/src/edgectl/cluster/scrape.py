"""A pod's /metrics, read without a Prometheus: through the API server, or straight from a pod beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from edge_common.errors import StartError
from edgectl.cluster.api import Api, Refused, What
from edgectl.cluster.objects import Pod
from edgectl.cluster.pods import metrics_port

# A hundred classes with a histogram each take 150 KB.
_MOST_BYTES = 8 * 2**20
_TIMEOUT = urllib3.Timeout(connect=2, read=5)


class NoMetrics(Exception):
    """A pod that gives none now: it starts, ends, or is no service of this project."""


class Source(Protocol):
    """Where the metrics of a pod come from."""

    def read(self, pod: Pod) -> Samples:
        """Raise NoMetrics when the pod has none now, StartError when nobody could read any pod's this way."""
        ...


class Samples:
    """One scrape: name -> labels and value of each series."""

    def __init__(self, text: str) -> None:
        self._series: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        try:
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    self._series.setdefault(sample.name, []).append((sample.labels, sample.value))
        except ValueError as exc:
            raise NoMetrics(f"not Prometheus' text format: {exc}") from None

    def each(self, name: str) -> Iterator[tuple[Mapping[str, str], float]]:
        return iter(self._series.get(name, ()))

    def value(self, name: str) -> float | None:
        """Return the sum of all series of a name; None when there is none."""
        values = [value for _, value in self.each(name)]
        return sum(values) if values else None

    def by(self, name: str, label: str, **only: str) -> dict[str, float]:
        """Return the sums by one label, of the series that carry the labels `only`."""
        found: dict[str, float] = {}
        for labels, value in self.each(name):
            if not only.items() <= labels.items():
                continue
            found[labels.get(label, "")] = found.get(labels.get(label, ""), 0.0) + value
        return found

    def buckets(self, name: str, **only: str) -> dict[str, float]:
        """Return the counts between a histogram's edges, by upper edge, over its series with the labels `only`."""
        upto = self.by(f"{name}_bucket", "le", **only)
        counts: dict[str, float] = {}
        below = 0.0
        for edge in sorted(upto, key=float):
            counts[edge] = upto[edge] - below
            below = upto[edge]
        return counts


@dataclass(frozen=True, slots=True)
class ThroughApiServer:
    """For an operator's machine, which reaches the API server and nothing behind it; needs `get pods/proxy`."""

    api: Api

    def read(self, pod: Pod) -> Samples:
        meta = pod.metadata
        what = What("pods/proxy", meta.namespace, f"{meta.name}:{_port(pod)}")
        try:
            reply = self.api.open("get", what, "/metrics", "text/plain", timeout=_TIMEOUT)
        except Refused:
            raise
        except StartError as exc:
            raise NoMetrics(str(exc)) from None
        return Samples(_body(reply))


@dataclass(frozen=True, slots=True)
class Straight:
    """For a pod in the cluster, whom the network policies let at the metrics port."""

    pool: urllib3.PoolManager

    def read(self, pod: Pod) -> Samples:
        address = pod.status.pod_ip
        if not address:
            raise NoMetrics("has no address yet")
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{_port(pod)}/metrics"
        try:
            reply = self.pool.request("GET", url, timeout=_TIMEOUT, retries=False, preload_content=False)
        except urllib3.exceptions.HTTPError as exc:
            raise NoMetrics(f"{url}: {exc}") from None
        if reply.status != 200:
            reply.close()
            raise NoMetrics(f"{url}: {reply.status}")
        return Samples(_body(reply))


def _port(pod: Pod) -> int:
    port = metrics_port(pod)
    if port is None:
        raise NoMetrics("has no port named metrics")
    return port


def _body(reply: urllib3.BaseHTTPResponse) -> str:
    try:
        data = reply.read(_MOST_BYTES + 1)
    except urllib3.exceptions.HTTPError as exc:
        raise NoMetrics(str(exc)) from None
    if len(data) > _MOST_BYTES:
        reply.close()
        raise NoMetrics(f"more than {_MOST_BYTES} bytes")
    reply.release_conn()
    return data.decode("utf-8", "replace")

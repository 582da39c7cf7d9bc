"""Five minutes without an uplink: guards go on deciding, and the cloud has every sample afterwards."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise

import pytest

from e2e.cloud import Subscriber
from e2e.cluster import Cluster, until
from e2e.monitoring import SCRAPE_S, Watch
from e2e.monitoring_guard import guarded, in_place, roll_out
from e2e.monitoring_prometheus import Prometheus

pytestmark = pytest.mark.e2e
CUT_S, GOOD, CATCH_UP_S = 300.0, 10, 180.0
# Of pods, of the node, of Prometheus itself and of rules.
COMPARED = (
    'up', 'edge_inference_requests_total', 'edge_camera_frames_total{outcome="sent"}', "node_load1",
    "prometheus_tsdb_head_series", "release:edge_inference_requests:rate5m",
)  # fmt: skip
Samples = dict[frozenset[tuple[str, str]], list[float]]


def test_without_an_uplink_good_versions_stay_and_no_sample_is_missing_afterwards(
    installed: Cluster, watch: Watch, surroundings: tuple[Subscriber, dict[str, object]], healed: Cluster
) -> None:
    """Ten good versions, one after the other, each left alone by its guard; as long, and five minutes at least, the uplink is cut."""
    assert watch.cloud is not None
    guarded(installed, surroundings[1])
    before = time.time()
    until(lambda: newest(watch.cloud) > before, "samples arrive in the cloud", 60)
    healed.on_lab("cut")
    cut = time.time()
    decided = Counter(good(installed, number) for number in range(GOOD))
    print(f"guards of {GOOD} good versions: {dict(decided)}, {time.time() - cut:.0f} s")
    until(lambda: time.time() - cut >= CUT_S, "five minutes have passed", CUT_S + 5)
    healed.on_lab("heal")
    mended = time.time()
    counts = {query: missing_none(watch, query, before, mended) for query in COMPARED}
    print(
        f"uplink cut for {mended - cut:.0f} s; the cloud had every sample {time.time() - mended:.0f} s after: {counts}"
    )
    (own,) = samples(watch.prometheus, 'up{job="prometheus"}', before, mended).values()
    widest = max(later - sooner for sooner, later in pairwise(own))
    assert widest < 4 * SCRAPE_S, "nor is there a hole on the gateway's own side"


def missing_none(watch: Watch, query: str, begin: float, end: float) -> int:
    """Wait until the cloud has every sample of a query between two epoch seconds, and no other; return how many."""
    here, cloud = samples(watch.prometheus, query, begin, end), watch.cloud
    assert here, query
    assert cloud is not None
    # What is sent over several connections at once does not arrive in its order.
    until(lambda: samples(cloud, query, begin, end) == here, f"the cloud has every sample of {query}", CATCH_UP_S)
    return sum(map(len, here.values()))


def good(cluster: Cluster, number: int) -> str:
    """Roll out a good version, the other one each time; return what its guard said."""
    version = "1.0.0" if number % 2 else "1.1.0"
    rollout = roll_out(cluster, version)
    print(f"{version}: {rollout.seconds:.0f} s, {rollout.decided.get('outcome')}: {rollout.decided.get('why')}")
    assert rollout.returncode == 0, rollout.said
    assert rollout.decided.get("version") == version
    assert in_place(cluster) == {version}
    return rollout.decided["outcome"]


def newest(prometheus: Prometheus | None) -> float:
    """Return when the newest sample of Prometheus's own target there was taken, in epoch seconds; 0 when there is none."""
    assert prometheus is not None
    found = prometheus.ask('timestamp(up{job="prometheus"})')
    return max((one.value for one in found), default=0.0)


def samples(prometheus: Prometheus, query: str, begin: float, end: float) -> Samples:
    """Return the times of all samples between two epoch seconds by series; external labels are left out."""
    found = prometheus.ask(f"{query}[{int(end - begin)}s]", end)
    return {
        frozenset((name, value) for name, value in one.labels.items() if name != "gateway"): [
            at for at, _ in one.points
        ]
        for one in found
    }

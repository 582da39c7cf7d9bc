"""Prometheus in the cluster sees what there is, and what it tells is what clients have seen."""

from __future__ import annotations

import json
import time
from math import inf

import pytest

from e2e.clients import load, percentiles, rate
from e2e.cloud import Subscriber
from e2e.cluster import NAMESPACE, Cluster, until
from e2e.monitoring import SCRAPE_S, WATCHED, Watch
from e2e.monitoring_rules import CHART
from e2e.releases import CAMERAS, DETECTOR, PUMP, PYTHON, begin, serving

pytestmark = pytest.mark.e2e
DURATION = "edge_inference_request_duration_seconds"
# What increase() adds where it reckons from the samples' ends to the window's.
ENDS = 0.03


@pytest.fixture
def watched(installed: Cluster, watch: Watch) -> Watch:
    """Both sample models at 1.0.0, open to this Prometheus; nobody else asks them."""
    installed.helm("uninstall", CAMERAS, "--ignore-not-found", "--wait")
    until(lambda: not installed.kubectl("get", "pods", "-l", "e2e=load", "-o", "name"), "the last clients have gone")
    for model in (DETECTOR, PUMP):
        begin(installed, model, {"model": {"version": "1.0.0"}, **WATCHED})
    return watch


def query(panel: str, legend: str, release: str, seconds: int) -> str:
    """Return a query of the dashboard of models as it stands there, of one release and a time in s."""
    panels = json.loads((CHART / "dashboards" / "models.json").read_text(encoding="utf-8"))["panels"]
    found = (target for each in panels if each["title"].startswith(panel) for target in each["targets"])
    expr: str = next(target["expr"] for target in found if target["legendFormat"].startswith(legend))
    for variable in ("$__rate_interval", "$__range"):
        expr = expr.replace(variable, f"{seconds}s")
    return expr.replace("$release", release)


def test_every_target_is_up(
    watched: Watch, installed: Cluster, surroundings: tuple[Subscriber, dict[str, object]]
) -> None:
    begin(installed, CAMERAS, {**surroundings[1], **WATCHED}, chart="camera-ingest")
    wanted = {
        ("edge-inference", DETECTOR), ("edge-inference", PUMP), ("camera-ingest", CAMERAS), ("node", ""),
        ("cadvisor", ""), ("prometheus", ""), ("alertmanager", ""),
    }  # fmt: skip
    until(lambda: wanted <= up(watched), f"up: {wanted}", 90)
    down = [(each["scrapeUrl"], each["lastError"]) for each in watched.prometheus.targets() if each["health"] == "down"]
    assert down == []
    found = watched.prometheus.ask(f'edge_inference_ready{{release="{DETECTOR}"}}')
    assert {(one.labels["namespace"], one.labels["track"]) for one in found} == {(NAMESPACE, "inference")}
    assert all(one.labels["pod"].startswith(DETECTOR) and one.labels["node"] for one in found)


def up(watch: Watch) -> set[tuple[str, str]]:
    """Return job and release, where there is one, of what answers its scrapes."""
    return {(one.labels["job"], one.labels.get("release", "")) for one in watch.prometheus.ask("up == 1")}


def test_its_p95_is_what_clients_measured(watched: Watch, installed: Cluster) -> None:
    """By the dashboard's query over 30 s, and as recorded over the last 15 s (5 min / 20), within a bucket's width."""
    with load(installed, DETECTOR, clients=4) as clients:
        clients.window(5)
        lines = clients.window(30)
        of_30 = watched.prometheus.one(query("Duration of a call", "p95", DETECTOR, 30))
        of_15 = watched.prometheus.one(f'release:{DURATION}:p95_rate5m{{release="{DETECTOR}"}}')
    found = watched.prometheus.ask(f'count by (le) ({DURATION}_bucket{{release="{DETECTOR}"}})')
    edges = sorted(float(one.labels["le"]) for one in found)
    for told, seen in ((of_30, lines), (of_15, lines[-15:])):
        (measured_ms,) = percentiles(seen, 0.95)
        width = bucket(edges, told)
        print(f"p95: Prometheus {told * 1000:.1f} ms, clients {measured_ms:.1f} ms, bucket {width * 1000:.0f} ms wide")
        assert abs(told - measured_ms / 1000) <= width


def bucket(edges: list[float], value: float) -> float:
    """Return the width of the bucket that a value lies in."""
    above = next(edge for edge in edges if edge >= value)
    assert above != inf
    return above - max((edge for edge in edges if edge < value), default=0.0)


@pytest.mark.parametrize("way", ["rollout", "container"])
def test_counters_survive_restarts_in_the_queries_used(watched: Watch, installed: Cluster, way: str) -> None:
    """The table before and after a rollout counts what clients counted.

    Clients come after the beginning of the window and go on past its end. What the two may differ by: calls after the
    last scrape of a process that ends, those before the first scrape of a new pod, whose series begins there, and a second
    on either side of the clients' last line; 3 % are for how increase() reckons at the ends.
    """
    begun = time.time()
    until(lambda: time.time() > begun + 3 * SCRAPE_S, "flat before", 30)
    with load(installed, PUMP, clients=2, failing=way == "container") as clients:
        clients.window(10)
        restart(installed, way)
        clients.window(20)
        end = time.time()
        lines = clients.lines()
    calls = query("Before and after", "calls", PUMP, int(end - begun))
    told = sum(one.value for one in watched.prometheus.ask(calls, end))
    answered = sum(sum(line["answers"].values()) for line in lines)
    slack = (2 * SCRAPE_S + 2) * rate(lines) + ENDS * answered
    print(f"{way}: clients counted {answered}, Prometheus {told:.0f}, slack {slack:.0f}")
    assert abs(told - answered) <= slack
    assert slack < answered / 4, "the slack is small beside what it is of"


def restart(cluster: Cluster, way: str) -> None:
    """Replace the pod by another, or its process in the same pod, and wait until the new one serves."""
    if way == "rollout":
        cluster.kubectl("rollout", "restart", f"deploy/{PUMP}")
        cluster.kubectl("rollout", "status", f"deploy/{PUMP}", "--timeout=120s", timeout=150)
        return
    before = restarts(cluster)
    cluster.execute(f"deploy/{PUMP}", PYTHON, "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
    until(lambda: restarts(cluster) > before, "its process is a new one")


def restarts(cluster: Cluster) -> int:
    (pod,) = serving(cluster, PUMP)
    (status,) = pod["status"]["containerStatuses"]
    return int(status["restartCount"]) if status["ready"] else -1

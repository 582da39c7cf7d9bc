"""What Prometheus weighs with ten models and eight cameras."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from e2e.cloud import Subscriber
from e2e.cluster import Cluster, until
from e2e.monitoring import SCRAPE_S, WATCHED, Watch
from e2e.releases import CAMERAS, DETECTOR, PUMP, begin

pytestmark = pytest.mark.e2e
MODELS, CAMERAS_EACH, MOST_BYTES = 10, 8, 150e6
SCRAPES = 30
OWN = '{job="prometheus"}'


@pytest.fixture
def crowd(installed: Cluster, surroundings: tuple[Subscriber, dict[str, object]]) -> Iterator[Cluster]:
    """Ten releases of models, and eight cameras that are all read and asked about."""
    names = [f"crowd-{number}" for number in range(MODELS - 2)]
    near = surroundings[1]["cameras"]["dock"]["url"]  # type: ignore[index]
    cameras = {f"dock-{number}": {"url": near, "fps": 1} for number in range(CAMERAS_EACH)}
    small = {"requests": {"cpu": "10m", "memory": "64Mi"}}
    room = {"resources": {"limits": {"memory": "1536Mi"}}}
    try:
        for model in (DETECTOR, PUMP):
            begin(installed, model, {"model": {"version": "1.0.0"}, **WATCHED})
        for name in names:
            values = {
                "model": {"name": PUMP, "version": "1.0.0"},
                "preflight": {"enabled": False},
                **WATCHED,
                "resources": small,
            }
            words = ("upgrade", "--install", name, "charts/edge-inference", "--values", "-")
            installed.helm(*words, stdin=json.dumps(values))
        begin(installed, CAMERAS, {**surroundings[1], **WATCHED, **room, "cameras": cameras}, chart="camera-ingest")
        yield installed
    finally:
        for name in names:
            installed.helm("uninstall", name, "--ignore-not-found", check=False)


def test_it_stays_within_its_budget(watch: Watch, crowd: Cluster) -> None:
    """Resident memory at most 150 MB, the greatest of a minute, scraping each 2 s where the chart has 15.

    It holds what the tests before have left as well: all samples since its start, and series of pods that are gone.
    """
    ask = watch.prometheus.one
    until(lambda: ask('count(up{job="edge-inference"} == 1) or vector(0)') >= MODELS, "ten models are scraped", 120)
    seeing = '(count(edge_camera_state{state="ok"} == 1) or vector(0))'
    until(lambda: ask(seeing) >= CAMERAS_EACH, "eight cameras see", 120)
    began = ask(f"process_start_time_seconds{OWN}")
    seconds = SCRAPES * SCRAPE_S
    steady = f"count_over_time(({seeing} >= {CAMERAS_EACH})[{seconds}s:{SCRAPE_S}s]) or vector(0)"
    until(lambda: ask(steady) >= SCRAPES - 2, "a minute of all of them", 3 * seconds)
    weight = ask(f"max_over_time(process_resident_memory_bytes{OWN}[{seconds}s])")
    shown = {name: f"{ask(name + OWN):,.0f}" for name in ("prometheus_tsdb_head_series", "process_cpu_seconds_total")}
    print(f"Prometheus: {weight / 1e6:.0f} MB resident at most, up for {time.time() - began:.0f} s, {shown}")
    assert weight <= MOST_BYTES

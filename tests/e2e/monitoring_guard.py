"""A release whose rollouts are guarded, asked by cameras, and what its guard has decided."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.cluster import Cluster, until
from e2e.monitoring import WATCHED
from e2e.releases import CAMERAS, DETECTOR, begin, scrape, series, upgrade_words

# Two readings of the camera on the gateway's side, 20 frames a second together. Its clip is 20 s long: a shorter window has
# seen other parcels than one before it, which no statistic can tell from another model.
CAMERAS_FPS, WINDOW_S, BASELINE_S, LEAST_CALLS = 10, 20, 20, 150
GUARD: Mapping[str, Any] = {
    "enabled": True, "for": f"{WINDOW_S}s", "baselineFor": f"{BASELINE_S}s", "minRequests": LEAST_CALLS,
    "activeDeadlineSeconds": 120,
}  # fmt: skip
TIMEOUT = "170s"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One upgrade, and the verdict as its guard recorded it."""

    returncode: int
    said: str
    seconds: float
    decided: Mapping[str, str]


def guarded(cluster: Cluster, surroundings: Mapping[str, Any]) -> None:
    """Bring the detector to 1.0.0 with its guard on, and let cameras on the gateway's side ask it."""
    begin(cluster, DETECTOR, {"model": {"version": "1.0.0"}, **WATCHED, "guard": dict(GUARD)})
    near = {"url": surroundings["cameras"]["dock"]["url"], "fps": CAMERAS_FPS}
    values = {**surroundings, **WATCHED, "cameras": {"dock": near, "dock-2": near}}
    begin(cluster, CAMERAS, values, chart="camera-ingest")
    until(lambda: answered(cluster) > LEAST_CALLS, "cameras ask the model", 90)


def answered(cluster: Cluster) -> float:
    return series(scrape(cluster, DETECTOR, 9090), "edge_inference_requests_total", outcome="ok")


def roll_out(cluster: Cluster, version: str) -> Rollout:
    """Upgrade to a version as docs/rollout.md does, and let its guard decide."""
    begun = time.monotonic()
    done = cluster.helm(*upgrade_words(DETECTOR, f"model.version={version}", timeout=TIMEOUT), check=False, timeout=400)
    book = cluster.get("configmap", f"{DETECTOR}-rollout-baseline")["data"]
    decided = json.loads(book.get("verdict.json", "{}"))
    return Rollout(done.returncode, done.stdout + done.stderr, time.monotonic() - begun, decided)


def in_place(cluster: Cluster) -> set[str]:
    """Return the versions that the release's pods serve."""
    text = scrape(cluster, DETECTOR, 9090)
    lines = [line for line in text.splitlines() if line.startswith("edge_inference_model_info{")]
    return {line.split('version="')[1].split('"')[0] for line in lines}

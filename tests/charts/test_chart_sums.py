"""Numbers of the charts that have to agree with each other and with the services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_camera import build, ingest
from edge_camera.sinks import file, mqtt
from edge_inference.settings import MIB
from edge_inference.settings import Settings as InferenceSettings
from helm_support import CASES, at, environment, main_pod, one, render

pytestmark = pytest.mark.charts
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# Resident after a burst of both sample models (benchmarks/results), and JSON as objects: thirty times its bytes.
BURST_BYTES, JSON_FACTOR = 113 * MIB, 30


def _bytes(quantity: str) -> int:
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


@pytest.mark.parametrize(
    "shutdown",
    [
        pytest.param({}, id="default"),
        pytest.param({"delaySeconds": 0, "drainSeconds": 0}, id="none"),
        pytest.param({"delaySeconds": 20, "drainSeconds": 120, "slackSeconds": 9}, id="long"),
    ],
)
def test_an_inference_pod_has_time_to_leave(shutdown: dict[str, int]) -> None:
    pod = main_pod(render("edge-inference", {"shutdown": shutdown}))
    given = environment(pod["containers"][0])
    asleep = int(given["EDGE_SHUTDOWN_DELAY_MS"]) / 1000
    drain = int(given["EDGE_DRAIN_TIMEOUT_MS"]) / 1000
    assert asleep == shutdown.get("delaySeconds", 5) and drain == shutdown.get("drainSeconds", 25)
    assert "lifecycle" not in pod["containers"][0], "the wait is in the service, not in preStop too"
    assert pod["terminationGracePeriodSeconds"] >= asleep + drain + 2


def test_draining_outlasts_a_request_that_had_to_queue() -> None:
    given = environment(main_pod(render("edge-inference"))["containers"][0])
    settings = InferenceSettings(model=Path("m"))
    assert int(given["EDGE_DRAIN_TIMEOUT_MS"]) >= settings.queue_wait_ms + settings.body_timeout_ms


@pytest.mark.parametrize("deadline_ms", [100, 500, 2500, 60_000])
def test_a_camera_pod_has_time_to_leave(deadline_ms: int) -> None:
    pod = main_pod(render("camera-ingest", {"inference": {"deadline_ms": deadline_ms}}))
    drain = deadline_ms / 1000 * build._DRAIN_FACTOR + build._DRAIN_MORE_S
    # Of a lane: reader, worker and shadow, one after the other. Then sinks and pictures together, what the sinks have open, and
    # two listeners.
    closing = 2 * mqtt._CLOSE_S + file._CLOSE_S
    wanted = 3 * drain + ingest.FLUSH_S + closing + 2 * build._STOP_S
    assert wanted + 2 <= pod["terminationGracePeriodSeconds"] <= wanted + 8


def test_memory_holds_what_the_service_lets_in() -> None:
    limit = _bytes(
        at(one(render("edge-inference"), "Deployment"), "spec.template.spec.containers.0.resources.limits")["memory"]
    )
    settings = InferenceSettings(model=Path("m"))
    assert limit >= BURST_BYTES + settings.max_total_body_bytes + JSON_FACTOR * settings.max_json_bytes


def test_the_spool_fits_on_its_volume() -> None:
    manifests = render("camera-ingest")
    size = at(one(manifests, "PersistentVolumeClaim"), "spec.resources.requests.storage")
    config = one(manifests, "ConfigMap")["data"]["cameras.toml"]
    assert '"max_bytes" = 268435456' in config
    assert _bytes(size) >= 2 * 268435456, "pictures of alerts are there too"


@pytest.mark.parametrize(("chart", "file"), CASES, ids=lambda part: getattr(part, "stem", part))
def test_a_failed_rollout_is_told_by_helm_before_kubernetes(chart: str, file: Path) -> None:
    manifests = render(chart, file=file)
    jobs: list[dict[str, Any]] = [each["spec"] for each in manifests if each["kind"] == "Job"]
    assert bool(jobs) == (file.stem != "single-node-values"), "a box without memory for a second model has no preflight"
    # Helm's default --timeout is 300 s.
    assert all(job["activeDeadlineSeconds"] < 300 for job in jobs)
    deployments = [each["spec"] for each in manifests if each["kind"] == "Deployment"]
    assert all(each["progressDeadlineSeconds"] > 300 for each in deployments)


@pytest.mark.parametrize("chart", ["edge-inference", "camera-ingest"])
def test_a_slow_start_is_waited_for(chart: str) -> None:
    probe = main_pod(render(chart))["containers"][0]["startupProbe"]
    assert probe["httpGet"] == {"path": "/v2/health/live", "port": "http"}
    assert probe["failureThreshold"] * probe["periodSeconds"] >= 60

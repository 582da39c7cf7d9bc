"""The cluster, its namespace, the images, the releases; and what is kept when a test fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from e2e.cluster import NAMESPACE, ROOT, Cluster, find_cluster, until
from e2e.house import (
    BROKER_PORT,
    CAMERAS,
    CLOUD,
    DETECTOR,
    PUMP,
    Subscriber,
    make_namespace,
    rtsp_camera,
    scrape,
    subscriber,
    upgrade,
)
from e2e.variants import variant

# Where describe, events, logs and metrics go when a test fails, and the tables that were measured.
KEPT = ROOT / ".e2e"
CAMERA_IMAGE = "localhost/edge-camera-ingest"
KEEP = os.environ.get("KEEP") == "1"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    found = find_cluster()
    if isinstance(found, str):
        pytest.skip(found)
    if found.lab is not None:
        found.on_lab("up", timeout=300)
        found.on_lab("heal")
    KEPT.mkdir(exist_ok=True)
    if not KEEP:
        found.run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=180)
    make_namespace(found)
    yield found
    if KEEP:
        print(found.kubectl("get", "pods,services", "-o", "wide"))
        print(f"left running; kubectl -n {NAMESPACE} port-forward svc/{CAMERAS} 8090, then http://127.0.0.1:8090/")
    else:
        found.run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false", check=False)


@pytest.fixture(scope="session")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build and load every image, good versions and bad ones; return the version of the services' own images."""
    folder = tmp_path_factory.mktemp("bundles")
    bundles = [
        variant(DETECTOR, "1.1.0", folder / "good"),
        variant(DETECTOR, "1.2.0", folder / "golden", wrong_golden=True),
        variant(DETECTOR, "1.3.0", folder / "budget", p95_ms=0.01),
    ]
    env = {**os.environ}
    if cluster.lab is not None:
        env["IMAGE_BUILD"] = f"{cluster.lab} build"
    build = [sys.executable, "Dockerfiles/build.py"]
    done = subprocess.run(build, capture_output=True, text=True, cwd=ROOT, env=env, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    runtime = next(name for name in names if "/edge-inference:" in name)
    more = [*build, *map(str, bundles), "--runtime", runtime]
    done = subprocess.run(more, capture_output=True, text=True, cwd=ROOT, env=env, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    names += [line.split()[0] for line in done.stdout.splitlines()]
    if cluster.lab is not None:
        cluster.on_lab("load", *(name for name in names if name != runtime), timeout=600)
    return runtime.rpartition(":")[2]


@pytest.fixture(scope="session")
def models(cluster: Cluster, images: str) -> Cluster:
    """Both sample models installed, as a platform engineer would."""
    for release in (DETECTOR, PUMP):
        upgrade(cluster, release, "model.version=1.0.0")
    return cluster


@pytest.fixture(scope="session")
def events(models: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subscriber]:
    """camera-ingest with a camera on each side of the uplink, and who subscribes to its events beyond it."""
    if models.lab is None:
        pytest.skip("want the lab: a broker, and cameras on both sides of an uplink")
    models.on_lab("broker")
    with (
        rtsp_camera(models, "gateway", 8554) as near,
        rtsp_camera(models, "cloud", 8555) as far,
        subscriber(models, tmp_path_factory.mktemp("cloud") / "events.jsonl") as seen,
    ):
        until(seen.subscribed, "the subscriber is there")
        upgrade(
            models, CAMERAS, f"inference.model={DETECTOR}", f"cameras.dock.url={near}", f"cameras.yard.url={far}",
            f"sinks.mqtt.url=mqtt://{CLOUD}:{BROKER_PORT}", "sinks.stdout=false", "gateway=gw-1",
            chart="camera-ingest",
        )  # fmt: skip
        yield seen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found = item.funcargs.get("cluster") or item.funcargs.get("models") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and isinstance(found, Cluster):
        _collect(found, KEPT / item.name.replace("/", "_"))
    return report


def _collect(cluster: Cluster, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, words in (
        ("describe.txt", ("describe", "pods,deployments,jobs,networkpolicies,pvc")),
        ("events.txt", ("get", "events", "--sort-by=.lastTimestamp")),
        ("pods.txt", ("get", "pods", "-o", "wide")),
    ):
        (folder / name).write_text(cluster.kubectl(*words, check=False))
    for name, port in ((DETECTOR, 9090), (PUMP, 9090), (CAMERAS, 9091)):
        (folder / f"metrics-{name}.txt").write_text(scrape(cluster, f"deploy/{name}", port, check=False))
    for pod in cluster.kubectl("get", "pods", "-o", "name", check=False).split():
        text = cluster.kubectl("logs", pod, "--all-containers", "--tail=500", check=False)
        (folder / (pod.replace("/", "-") + ".log")).write_text(text)


@pytest.fixture
def healed(cluster: Cluster) -> Iterator[Cluster]:
    """The uplink is up again afterwards, whatever the test did."""
    if cluster.lab is None:
        pytest.skip("want the lab: an uplink that can be cut")
    yield cluster
    cluster.on_lab("heal")
    until(lambda: cluster.kubectl("get", "pods", check=False), "the cluster answers")

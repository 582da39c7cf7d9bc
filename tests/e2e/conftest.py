"""The cluster, its namespace, the images, the releases; and what is kept when a test fails."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from e2e.cloud import (
    BROKER_PORT,
    CLOUD,
    FAR_PORT,
    GATEWAY,
    NEAR_PORT,
    YARD,
    Subscriber,
    rtsp_camera,
    start_broker,
    subscriber,
)
from e2e.cluster import KEPT, Cluster, find_cluster, until
from e2e.collect import collect
from e2e.images import provide
from e2e.monitoring import Watch, watching
from e2e.namespace import addresses, free_volumes, make_namespace, remove_namespace
from e2e.releases import CAMERAS, DETECTOR, PUMP, begin

KEEP = os.environ.get("KEEP") == "1"
FIRST: dict[str, Any] = {"model": {"version": "1.0.0"}}
FOUND = pytest.StashKey[Cluster]()
TOLD = pytest.StashKey[BaseException]()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    found = find_cluster()
    if isinstance(found, str):
        pytest.skip(found)
    request.config.stash[FOUND] = found
    KEPT.mkdir(exist_ok=True)
    if found.lab is not None:
        found.on_lab("heal")
    remove_namespace(found)
    free_volumes(found)
    make_namespace(found)
    yield found
    if KEEP:
        print(addresses(found))
    else:
        remove_namespace(found)
        free_volumes(found)


@pytest.fixture(scope="session")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster, with every image where it finds it."""
    provide(cluster, tmp_path_factory.mktemp("bundles"))
    return cluster


@pytest.fixture(scope="session")
def installed(images: Cluster) -> Cluster:
    """Both sample models, installed as a platform engineer would."""
    for release in (DETECTOR, PUMP):
        begun = time.monotonic()
        begin(images, release, FIRST)
        print(f"{release}: installed with its preflight in {time.monotonic() - begun:.1f} s")
    return images


@pytest.fixture
def models(installed: Cluster) -> Cluster:
    """Both sample models at 1.0.0 with the chart's own values, whatever the test before has left."""
    for release in (DETECTOR, PUMP):
        begin(installed, release, FIRST)
    return installed


@pytest.fixture(scope="session")
def surroundings(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Subscriber, Any]]:
    """Cameras on both sides of the uplink, a broker beyond it, who subscribes there; and the values for all that."""
    if installed.lab is None:
        pytest.skip("want the lab: a broker, and cameras on both sides of an uplink")
    installed.on_lab("in", "cloud", "ip", "address", "replace", f"{YARD}/24", "dev", "eth0")
    installed.on_lab("broker")
    with ExitStack() as stack:
        near = stack.enter_context(rtsp_camera(installed, "gateway", GATEWAY, NEAR_PORT, keep=KEEP))
        far = stack.enter_context(rtsp_camera(installed, "cloud", YARD, FAR_PORT, keep=KEEP))
        seen = stack.enter_context(subscriber(installed, tmp_path_factory.mktemp("cloud") / "events.jsonl"))
        until(seen.subscribed, "the subscriber is there")
        yield seen, {
            "inference": {"model": DETECTOR}, "cameras": {"dock": {"url": near}, "yard": {"url": far}},
            "sinks": {"mqtt": {"url": f"mqtt://{CLOUD}:{BROKER_PORT}"}, "stdout": False}, "gateway": "gw-1",
        }  # fmt: skip


@pytest.fixture
def events(models: Cluster, surroundings: tuple[Subscriber, Any]) -> Subscriber:
    """camera-ingest with its first values, whatever the test before has left, and who sees its events."""
    seen, values = surroundings
    start_broker(models, seen)
    begin(models, CAMERAS, values, chart="camera-ingest")
    return seen


@pytest.fixture
def healed(cluster: Cluster) -> Iterator[Cluster]:
    """The uplink is up again afterwards, and the gateway runs, whatever the test did."""
    if cluster.lab is None:
        pytest.skip("want the lab: an uplink that can be cut")
    yield cluster
    cluster.on_lab("up")
    cluster.on_lab("heal")


@pytest.fixture(scope="session")
def watch(images: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """charts/edge-monitoring with rules that hurry, and on the lab a Prometheus in the cloud that it writes to."""
    with watching(images, tmp_path_factory.mktemp("watch")) as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests with `watch` to the end: what it costs must not show in the times of the others."""
    items.sort(key=lambda item: "watch" in getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    stash = item.config.stash
    # A session's fixture that failed fails every test that wants it, with one and the same exception.
    if report.failed and call.excinfo and FOUND in stash and call.excinfo.value is not stash.get(TOLD, None):
        stash[TOLD] = call.excinfo.value
        folder = KEPT / f"{item.name}-{report.when}".replace("/", "_")
        collect(stash[FOUND], folder)
        print(f"kept for {item.name}: {folder}")
    return report

"""What breaks a pod is mended by itself, and how long it took, from before the fault until golden samples are answered."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from e2e.cloud import in_registry, push_to_registry, remove_from_registry
from e2e.cluster import Cluster, until
from e2e.releases import DETECTOR, PUMP, PYTHON, containers, serving, upgrade, wait_for_answers

pytestmark = pytest.mark.e2e
# Each child is smaller than the service, which is therefore what the kernel ends.
HOG = (
    "import os,time\nfor _ in range(12):\n  if not os.fork():\n    x=bytearray(40<<20); time.sleep(60)\ntime.sleep(60)"
)
FROM_REGISTRY = "pump-from-registry"


def recovery_s(cluster: Cluster, release: str, fault: Callable[[], object]) -> float:
    """Do `fault`; return how long it took from before it until a new container answers."""
    before, begun = containers(cluster, release), time.monotonic()
    assert before
    fault()
    until(lambda: containers(cluster, release) - before, "a new container is ready")
    wait_for_answers(cluster, release)
    assert not containers(cluster, release) & before
    return time.monotonic() - begun


def kill(cluster: Cluster, release: str) -> None:
    (pod,) = serving(cluster, release)
    cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")


def test_a_killed_pod_comes_back(models: Cluster) -> None:
    print(f"pod killed: answers again after {recovery_s(models, DETECTOR, lambda: kill(models, DETECTOR)):.1f} s")


def test_a_container_out_of_memory_comes_back(models: Cluster) -> None:
    def hog() -> None:
        models.execute(f"deploy/{DETECTOR}", PYTHON, "-c", HOG, timeout=120)

    took = recovery_s(models, DETECTOR, hog)
    (pod,) = serving(models, DETECTOR)
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["reason"] == "OOMKilled"
    print(f"out of memory: answers again after {took:.1f} s")


@pytest.mark.parametrize("loss", ["removed", "unreachable"])
def test_a_pod_comes_back_without_its_registry(models: Cluster, healed: Cluster, loss: str) -> None:
    """Pulled once over the uplink from a real registry; a restart takes what the node holds and asks nobody."""
    image = f"edge-model-{PUMP}:1.0.0"
    registry = push_to_registry(healed, image)
    try:
        begun = time.monotonic()
        values = (f"model.name={PUMP}", "model.version=1.0.0", f"image.registry={registry}")
        upgrade(models, FROM_REGISTRY, *values)
        print(f"installed from the registry in {time.monotonic() - begun:.1f} s")
        assert in_registry(image)[0] == 200
        if loss == "removed":
            remove_from_registry(image)
        else:
            healed.on_lab("cut")
        took = recovery_s(models, FROM_REGISTRY, lambda: kill(models, FROM_REGISTRY))
        print(f"image {loss}, pod killed: answers again after {took:.1f} s")
    finally:
        models.helm("uninstall", FROM_REGISTRY, "--wait", check=False)

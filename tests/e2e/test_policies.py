"""What the namespace and the network policies hold. A refusal counts beside somebody else who gets through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.cloud import BROKER_PORT, CLOUD, FAR_PORT, REGISTRY_PORT, YARD, Subscriber
from e2e.cluster import NAMESPACE, Cluster, until
from e2e.releases import CAMERAS, DETECTOR, POD_SECURITY, PUMP, PYTHON, RESTRICTED

pytestmark = pytest.mark.e2e
MONITORING = "monitoring"
REACH = """
import json, socket, sys
def reach(host, port):
    try:
        socket.create_connection((host, port), 4).close()
    except OSError:
        return "shut"
    return "open"
print(json.dumps([reach(host, port) for host, port in json.loads(sys.argv[1])]))
"""
INSIDE = """
import os, socket
try:
    open("/x", "w"); print("writable")
except OSError as exc:
    print(exc.strerror)
print(os.path.exists("/var/run/secrets/kubernetes.io"), os.getuid())
print([key for key in os.environ if key.startswith("EDGE_") and "://" in os.environ[key]])
"""
RESOLVE = "import socket, sys\ntry: print(socket.gethostbyname(sys.argv[1]))\nexcept OSError: print('unknown')"


@pytest.mark.parametrize("release", [DETECTOR, PUMP, CAMERAS])
def test_every_pod_has_a_read_only_root_and_no_token(models: Cluster, events: Subscriber, release: str) -> None:
    said = models.execute(f"deploy/{release}", PYTHON, "-c", INSIDE).stdout
    assert said.splitlines() == ["Read-only file system", "False 65532", "[]"]


def test_each_pod_reaches_what_it_needs_and_nothing_else(models: Cluster, events: Subscriber) -> None:
    """By address, so that a name that is not found is no refusal; with a registry that listens for whoever may reach it."""
    models.on_lab("registry")
    detector, pump, cameras = (address(models, release) for release in (DETECTOR, PUMP, CAMERAS))
    registry, broker, yard = (CLOUD, REGISTRY_PORT), (CLOUD, BROKER_PORT), (YARD, FAR_PORT)
    with idle_pod(models, "stranger", NAMESPACE) as stranger, monitoring(models) as prometheus:
        # The node itself is not asked: the lab filters what goes to pods and to the cloud.
        wanted = {
            (stranger, NAMESPACE): (
                [registry, broker, yard],
                [(detector, 8080), (detector, 9090), (pump, 8080), (cameras, 8090), (cameras, 9091)],
            ),
            (prometheus, MONITORING): ([(detector, 9090), (cameras, 9091)], [(detector, 8080), (cameras, 8090)]),
            (f"deploy/{CAMERAS}", NAMESPACE): (
                [(detector, 8080), (pump, 8080), broker, yard],
                [(detector, 9090), registry],
            ),
            (f"deploy/{DETECTOR}", NAMESPACE): ([("127.0.0.1", 8080)], [(pump, 8080), registry, broker]),
        }
        for (workload, namespace), (reached, refused) in wanted.items():
            until(
                lambda w=workload, n=namespace, r=reached: reach(models, w, n, r) == ["open"] * len(r),  # type: ignore[misc]
                f"{workload} reaches {reached}", 30,
            )  # fmt: skip
            said = reach(models, workload, namespace, refused)
            assert dict(zip(refused, said, strict=True)) == dict.fromkeys(refused, "shut"), workload


def test_only_who_needs_names_is_let_to_the_dns(models: Cluster, events: Subscriber) -> None:
    def resolved(workload: str) -> str:
        name = f"{DETECTOR}.{NAMESPACE}.svc.cluster.local"
        return models.execute(workload, PYTHON, "-c", RESOLVE, name).stdout.strip()

    assert resolved(f"deploy/{CAMERAS}") == address(models, DETECTOR)
    assert resolved(f"deploy/{DETECTOR}") == "unknown"


def address(cluster: Cluster, service: str) -> str:
    found: str = cluster.get("service", service)["spec"]["clusterIP"]
    return found


def reach(cluster: Cluster, workload: str, namespace: str, targets: list[tuple[str, int]]) -> list[str]:
    """Return "open" or "shut" for each target, as seen from a pod."""
    done = cluster.execute(workload, PYTHON, "-c", REACH, json.dumps(targets), namespace=namespace)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


@contextmanager
def monitoring(cluster: Cluster) -> Iterator[str]:
    """A pod in the namespace that may read metrics; the namespace goes with it if it came with it."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MONITORING}}
    there = cluster.run("kubectl", "get", "namespace", MONITORING, check=False).returncode == 0
    cluster.apply(namespace)
    try:
        with idle_pod(cluster, "prometheus", MONITORING) as name:
            yield name
    finally:
        if not there:
            cluster.run("kubectl", "delete", "namespace", MONITORING, timeout=120)


@contextmanager
def idle_pod(cluster: Cluster, name: str, namespace: str) -> Iterator[str]:
    """A pod that nothing is known of, in which Python can be run."""
    container = {
        "name": "idle", "image": cluster.image(DETECTOR, "1.0.0"), "securityContext": RESTRICTED,
        "command": [PYTHON, "-c", "import time; time.sleep(600)"],
    }  # fmt: skip
    spec = {
        "containers": [container], "securityContext": POD_SECURITY, "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }  # fmt: skip
    words = ("kubectl", "-n", namespace)
    cluster.run(*words, "delete", "pod", name, "--ignore-not-found")
    # A new namespace has no service account at once.
    until(lambda: cluster.run(*words, "get", "serviceaccount", "default", check=False).returncode == 0, namespace, 30)
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}, namespace)
    try:
        cluster.run(*words, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        yield name
    finally:
        cluster.run(*words, "delete", "pod", name, "--wait=false", check=False)

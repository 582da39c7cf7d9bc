"""Upgrades good and bad, and the way back, under load: a bad model never gets traffic, and no request fails."""

from __future__ import annotations

import time

import pytest

from e2e.cluster import Cluster, until
from e2e.house import CLOUD, DETECTOR, PUMP, PYTHON, load, model_version, upgrade

pytestmark = pytest.mark.e2e
URL = f"http://{DETECTOR}:8080"
LOAD_IMAGE = f"localhost/edge-model-{DETECTOR}:1.0.0"
ZEROS = "0" * 64


def back_to_the_first(cluster: Cluster) -> None:
    """Every test begins with 1.0.0 and the chart's own values."""
    if model_version(cluster, DETECTOR) != "1.0.0":
        upgrade(cluster, DETECTOR, "model.version=1.0.0", "candidate.enabled=false")


def test_helm_test_asks_a_golden_sample_through_the_service(models: Cluster) -> None:
    done = models.helm("test", DETECTOR, "--logs", timeout=120)
    assert "golden samples answered by http://" in done.stdout


def test_an_upgrade_under_load_fails_no_request_and_changes_the_version_once(models: Cluster) -> None:
    back_to_the_first(models)
    with load(models, LOAD_IMAGE, URL, clients=8) as clients:
        clients.settle("1.0.0")
        upgrade(models, DETECTOR, "model.version=1.1.0")
        clients.settle("1.1.0")
        lines = clients.lines()
    assert clients_failed(lines) == {}
    assert lines[-1]["changes"] == [1] * 8, "each client saw the version change once"


def clients_failed(lines: list[dict[str, dict[str, int]]]) -> dict[str, int]:
    return {kind: count for line in lines for kind, count in line["failures"].items()}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["model.version=1.2.0"], "golden 001: output"),
        (["model.version=1.3.0"], "budget.p95_ms: want at most 0.01"),
        (["model.version=1.1.0", f"model.sha256={ZEROS}"], f"expect_sha256: want {ZEROS}"),
        (["model.version=9.9.9", "preflight.activeDeadlineSeconds=15"], "pre-upgrade hooks failed"),
    ],
    ids=["golden", "budget", "hash", "no-image"],
)
def test_a_bad_version_is_refused_before_it_gets_traffic(models: Cluster, values: list[str], reason: str) -> None:
    back_to_the_first(models)
    pods = {pod["metadata"]["uid"] for pod in serving(models)}
    with load(models, LOAD_IMAGE, URL, clients=2) as clients:
        done = upgrade(models, DETECTOR, *values, check=False)
        clients.settle("1.0.0")
        lines = clients.lines()
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert reason in said, said
    assert clients_failed(lines) == {} and set().union(*(line["answers"] for line in lines)) == {"1.0.0"}
    assert {pod["metadata"]["uid"] for pod in serving(models)} == pods, "the running pod was never touched"
    assert model_version(models, DETECTOR) == "1.0.0"
    (release,) = models.helm("list", "--filter", f"^{DETECTOR}$", "-o", "json").stdout.splitlines()
    assert '"status":"deployed"' in release
    if "9.9.9" in values[0]:
        events = models.kubectl("get", "events", "--field-selector", "reason=Failed")
        assert f"edge-model-{DETECTOR}:9.9.9" in events, "why it could not be pulled is told where people look"


def serving(cluster: Cluster) -> list[dict[str, dict[str, str]]]:
    selector = f"app.kubernetes.io/instance={DETECTOR},app.kubernetes.io/component=inference"
    pods: list[dict[str, dict[str, str]]] = cluster.get("pods", "-l", selector)["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def test_without_a_preflight_the_pod_itself_refuses_and_helm_rolls_back(models: Cluster) -> None:
    back_to_the_first(models)
    with load(models, LOAD_IMAGE, URL, clients=2) as clients:
        done = upgrade(models, DETECTOR, "model.version=1.2.0", "preflight.enabled=false", check=False, timeout="25s")
        clients.settle("1.0.0")
        lines = clients.lines()
    assert done.returncode != 0
    assert clients_failed(lines) == {} and set().union(*(line["answers"] for line in lines)) == {"1.0.0"}
    assert model_version(models, DETECTOR) == "1.0.0"


def test_a_rollback_needs_no_uplink(models: Cluster, healed: Cluster) -> None:
    back_to_the_first(models)
    upgrade(models, DETECTOR, "model.version=1.1.0")
    models.on_lab("cut")
    with load(models, LOAD_IMAGE, URL, clients=4) as clients:
        clients.settle("1.1.0")
        begun = time.monotonic()
        models.helm("rollback", DETECTOR, "--wait", "--timeout", "60s")
        took = time.monotonic() - begun
        clients.settle("1.0.0")
        lines = clients.lines()
    print(f"rollback with the uplink cut: {took:.1f} s")
    assert clients_failed(lines) == {} and lines[-1]["changes"] == [1] * 4
    assert took < 60


def test_what_kills_a_pod_is_mended_by_itself(models: Cluster) -> None:
    """The pod is deleted without a word, and its first process is killed for want of memory."""
    back_to_the_first(models)
    (pod,) = serving(models)
    models.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    print(f"pod killed: answers again after {_recovered(models):.1f} s")
    # Each of these is smaller than the service, which is therefore what the kernel ends.
    hog = "import os,time\nfor _ in range(12):\n  if not os.fork():\n    x=bytearray(40<<20); time.sleep(60)\ntime.sleep(60)"
    models.run(
        "kubectl", "-n", "edge-e2e", "exec", f"deploy/{DETECTOR}", "--", PYTHON, "-c", hog, check=False, timeout=120
    )
    reason = until(lambda: _last_end(models), "the container was ended")
    assert reason == "OOMKilled"
    print(f"out of memory: answers again after {_recovered(models):.1f} s")


def _last_end(cluster: Cluster) -> str:
    """Return why the model's container ended the last time."""
    path = "jsonpath={.items[0].status.containerStatuses[0].lastState.terminated.reason}"
    selector = f"app.kubernetes.io/instance={DETECTOR},app.kubernetes.io/component=inference"
    return cluster.kubectl("get", "pods", "-l", selector, "-o", path)


def _recovered(cluster: Cluster, release: str = DETECTOR) -> float:
    begun = time.monotonic()
    cluster.kubectl("rollout", "status", f"deploy/{release}", "--timeout=90s")
    until(
        lambda: cluster.run("kubectl", "-n", "edge-e2e", "exec", f"deploy/{release}", "--", "edge-inference", "--ask",
                            "http://127.0.0.1:8080", "/model", check=False).returncode == 0,
        "golden samples are answered",
    )  # fmt: skip
    return time.monotonic() - begun


def test_a_pod_comes_back_when_its_registry_is_gone(models: Cluster, healed: Cluster) -> None:
    """Pulled once over the uplink from a real registry; then neither a restart nor the kubelet asks for it again."""
    release, registry = "pump-from-registry", f"{CLOUD}:5000"
    healed.on_lab("registry")
    image = f"edge-model-{PUMP}:1.0.0"
    source, target = f"localhost/{image}", f"docker://{registry}/{image}"
    healed.on_lab("in", "cloud", "buildah", "push", "--tls-verify=false", source, target)
    upgrade(models, release, f"model.name={PUMP}", "model.version=1.0.0", f"image.registry={registry}")
    try:
        healed.on_lab("cut")
        models.kubectl("delete", "pods", "-l", f"app.kubernetes.io/instance={release}", "--grace-period=0", "--force")
        print(f"registry gone, pod killed: answers again after {_recovered(models, release):.1f} s")
    finally:
        models.helm("uninstall", release, "--wait")

"""What the namespace, the policies and the limits hold, and what a candidate in the shadow costs."""

from __future__ import annotations

import json
import time

import pytest

from e2e.cluster import Cluster, until
from e2e.conftest import KEPT
from e2e.house import (
    CAMERAS,
    CLOUD,
    DETECTOR,
    POD_SECURITY,
    PUMP,
    PYTHON,
    RESTRICTED,
    Subscriber,
    load,
    scrape,
    series,
    upgrade,
)

pytestmark = pytest.mark.e2e
LOAD_IMAGE = f"localhost/edge-model-{DETECTOR}:1.0.0"
WINDOW_S = 20.0


def python(cluster: Cluster, workload: str, code: str) -> str:
    return cluster.run(
        "kubectl", "-n", "edge-e2e", "exec", workload, "--", PYTHON, "-c", code, check=False, timeout=60
    ).stdout


@pytest.mark.parametrize("release", [DETECTOR, PUMP, CAMERAS])
def test_every_pod_has_a_read_only_root_and_no_token(models: Cluster, events: Subscriber, release: str) -> None:
    code = (
        "import os\n"
        "try:\n  open('/x', 'w'); print('writable')\n"
        "except OSError as exc: print(exc.strerror)\n"
        "print(os.path.exists('/var/run/secrets/kubernetes.io'), os.getuid(), "
        "[key for key in os.environ if key.startswith('EDGE_') and '://' in os.environ[key]])"
    )
    assert python(models, f"deploy/{release}", code).split("\n")[:2] == ["Read-only file system", "False 65532 []"]


REACH = "import socket\ntry:\n  socket.create_connection(({host!r}, {port}), 4).close(); print('open')\nexcept OSError as exc: print('shut')"


def test_a_stranger_cannot_ask_a_model_and_cameras_reach_only_what_they_need(
    models: Cluster, events: Subscriber
) -> None:
    container = {
        "name": "stranger", "image": LOAD_IMAGE, "securityContext": RESTRICTED,
        "command": [PYTHON, "-c", "import time; time.sleep(600)"],
    }  # fmt: skip
    spec = {
        "containers": [container], "securityContext": POD_SECURITY, "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }  # fmt: skip
    models.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger"}, "spec": spec})
    models.kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
    try:
        for port in (8080, 9090):
            assert python(models, "stranger", REACH.format(host=DETECTOR, port=port)) == "shut\n"
    finally:
        models.kubectl("delete", "pod", "stranger", "--wait=false")
    workload = f"deploy/{CAMERAS}"
    assert python(models, workload, REACH.format(host=DETECTOR, port=8080)) == "open\n"
    assert python(models, workload, REACH.format(host=CLOUD, port=1883)) == "open\n"
    # The node itself is not asked: the lab filters what goes to pods and to the cloud.
    for host, port in ((DETECTOR, 9090), (CLOUD, 5000)):
        assert python(models, workload, REACH.format(host=host, port=port)) == "shut\n", f"{host}:{port}"


def test_a_candidate_in_the_shadow_is_compared_and_the_main_path_does_not_wait(
    models: Cluster, events: Subscriber
) -> None:
    alone = main_path_ms(models)
    upgrade(models, DETECTOR, "candidate.enabled=true", "candidate.version=1.1.0")
    upgrade(models, CAMERAS, "inference.candidate.enabled=true", chart="camera-ingest")
    until(lambda: compared(models) > 20, "answers are compared")
    beside = main_path_ms(models)
    print(f"main path: mean {alone:.1f} ms alone, {beside:.1f} ms beside a shadow")
    upgrade(models, CAMERAS, "inference.candidate.enabled=false", chart="camera-ingest")
    upgrade(models, DETECTOR, "candidate.enabled=false")
    # Two cores do twice the work; waiting for the shadow's answer would add a whole call.
    assert beside < 1.8 * alone


def compared(cluster: Cluster) -> float:
    return series(scrape(cluster, f"deploy/{CAMERAS}", 9091), "edge_camera_shadow_total", agreement="both")


def main_path_ms(cluster: Cluster) -> float:
    """Return the mean time of a main call over a while."""

    def both() -> tuple[float, float]:
        text = scrape(cluster, f"deploy/{CAMERAS}", 9091)
        return tuple(series(text, f"edge_camera_inference_seconds_{part}", track="main") for part in ("sum", "count"))  # type: ignore[return-value]

    first, begun = both(), time.monotonic()
    until(lambda: time.monotonic() - begun > WINDOW_S, "a window has passed", WINDOW_S + 5)
    last = both()
    assert last[1] > first[1], "frames are answered"
    return (last[0] - first[0]) / (last[1] - first[1]) * 1000


def test_threads_follow_the_cpu_limit(models: Cluster) -> None:
    """Under a limit of half a core: our one thread beside the host's default, as a table in .e2e/threads.md."""
    rows = ["| CPU limit | threads | p50 ms | p99 ms | requests/s |", "|---|---|---|---|---|"]
    for name, threads in (("as the service sets them", 0), ("the host's cores", 2)):
        upgrade(models, DETECTOR, "resources.limits.cpu=500m", f"settings.threads={threads}", "preflight.budget=false")
        used = int(series(scrape(models, f"deploy/{DETECTOR}", 9090), "edge_inference_threads"))
        assert used == (threads or 1)
        with load(models, LOAD_IMAGE, f"http://{DETECTOR}:8080", clients=1) as clients:
            until(lambda clients=clients: len(clients.lines()) > WINDOW_S, "a window")  # type: ignore[misc]
            lines = clients.lines()[3:]
        p50, p99 = (sorted(line[key] for line in lines)[len(lines) // 2] for key in ("p50_ms", "p99_ms"))
        rate = sum(sum(line["answers"].values()) for line in lines) / len(lines)
        rows.append(f"| 500m | {used} ({name}) | {p50:.1f} | {p99:.1f} | {rate:.1f} |")
    KEPT.joinpath("threads.md").write_text("\n".join(rows) + "\n")
    print("\n".join(rows))
    upgrade(models, DETECTOR, "resources.limits.cpu=1", "settings.threads=0", "preflight.budget=true")


def test_every_release_says_what_it_runs(models: Cluster) -> None:
    found = json.loads(models.helm("list", "-o", "json").stdout)
    assert {each["name"]: each["status"] for each in found}.items() >= {DETECTOR: "deployed", PUMP: "deployed"}.items()

"""Helm releases as docs/rollout.md upgrades them, the values every test begins with, and what their pods tell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from e2e.cluster import Cluster, Done, until

PYTHON = "/usr/bin/python3.11"
DETECTOR, PUMP, CAMERAS = "belt-detector", "pump-failure", "cameras"
# Longer than the slowest start measured here, shorter than progressDeadlineSeconds.
HELM_TIMEOUT = "180s"
FRACTION = re.compile(r"=\d+\.\d+$")
RESTRICTED: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
POD_SECURITY: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def upgrade_words(release: str, *values: str, chart: str = "edge-inference", timeout: str = HELM_TIMEOUT) -> list[str]:
    """Return `helm`'s arguments for an upgrade as docs/rollout.md has it; values are `key=value`."""
    # A fraction is a text to --set.
    sets = [word for value in values for word in ("--set-json" if FRACTION.search(value) else "--set", value)]
    return [
        "upgrade", "--install", release, f"charts/{chart}", "--reset-then-reuse-values", *sets,
        "--rollback-on-failure", "--wait", "--timeout", timeout,
    ]  # fmt: skip


def upgrade(cluster: Cluster, release: str, *values: str, chart: str = "edge-inference", check: bool = True) -> Done:
    """Upgrade a release, or be refused."""
    return cluster.helm(*upgrade_words(release, *values, chart=chart), check=check, timeout=400)


def begin(cluster: Cluster, release: str, values: Mapping[str, Any], chart: str = "edge-inference") -> None:
    """Bring a release to these values and no others, from wherever a test left it; at once when it is there."""
    own = {} if cluster.registry == "localhost" else {"image": {"registry": cluster.registry}}
    wanted = {**values, **own}
    status = _status(cluster, release)
    if status.startswith("pending"):
        # Helm was ended in the middle, or could not go back: it would take no upgrade any more.
        cluster.helm("uninstall", release, "--wait", check=False)
    if status != "deployed" or _values(cluster, release) != wanted:
        cluster.helm(
            "upgrade", "--install", release, f"charts/{chart}", "--reset-values", "--values", "-",
            "--wait", "--timeout", HELM_TIMEOUT, stdin=json.dumps(wanted),
        )  # fmt: skip
        if status == "deployed" and chart == "camera-ingest":
            apply_now(cluster, release)
    cluster.kubectl("rollout", "status", f"deploy/{release}", "--timeout=120s")


def apply_now(cluster: Cluster, release: str) -> None:
    """Let camera-ingest begin anew: a kubelet may take more than a minute to bring a changed config to it."""
    (pod,) = serving(cluster, release, "camera-ingest")
    cluster.kubectl("delete", "pod", pod["metadata"]["name"])
    until(lambda: containers(cluster, release, "camera-ingest"), f"{release} is back")


def _status(cluster: Cluster, release: str) -> str:
    done = cluster.helm("status", release, "-o", "json", check=False)
    return str(json.loads(done.stdout)["info"]["status"]) if done.returncode == 0 else "missing"


def _values(cluster: Cluster, release: str) -> Any:
    return json.loads(cluster.helm("get", "values", release, "-o", "json").stdout)


def model_version(cluster: Cluster, release: str) -> str:
    """Return the version of the model that the release's last revision names."""
    values = json.loads(cluster.helm("get", "values", release, "--all", "-o", "json").stdout)
    version: str = values["model"]["version"]
    return version


def serving(cluster: Cluster, release: str, component: str = "inference") -> list[dict[str, Any]]:
    """Return a release's pods of one component, without those that are leaving."""
    selector = f"app.kubernetes.io/instance={release},app.kubernetes.io/component={component}"
    pods: list[dict[str, Any]] = cluster.get("pods", "-l", selector)["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def containers(cluster: Cluster, release: str, component: str = "inference") -> set[str]:
    """Return the ids of a release's containers that are ready."""
    pods = serving(cluster, release, component)
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
    return {status["containerID"] for status in statuses if status["ready"]}


def uids(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def answers(cluster: Cluster, release: str) -> bool:
    """Does a pod of this release answer the golden samples in its image?"""
    words = ("edge-inference", "--ask", "http://127.0.0.1:8080", "/model")
    return cluster.execute(f"deploy/{release}", *words, timeout=90).returncode == 0


def wait_for_answers(cluster: Cluster, release: str) -> None:
    until(lambda: answers(cluster, release), f"{release} answers its golden samples", 180)


def scrape(cluster: Cluster, release: str, port: int) -> str:
    """Return a pod's /metrics, read from inside it: no policy has to be opened for a test. Empty when it cannot be."""
    code = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
    return cluster.execute(f"deploy/{release}", PYTHON, "-c", code).stdout


def series(text: str, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that carry these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line for line in text.splitlines() if line.startswith((name + "{", name + " "))]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(each in line for each in wanted))

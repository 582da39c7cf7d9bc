"""What is kept of the cluster when a test or its set-up fails."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from e2e.cluster import Cluster
from e2e.releases import CAMERAS, DETECTOR, PUMP, scrape

# A cluster that does not answer must not hold the tests for as long as they wait for one that does.
PATIENCE_S = 30
LAB_LOGS = ("kubelet", "containerd", "netpol")


def collect(cluster: Cluster, folder: Path) -> None:
    """Write describe, events, releases, logs (of ended containers too) and metrics into `folder`, as far as they are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, words in (
        ("describe.txt", ("describe", "pods,deployments,replicasets,jobs,services,networkpolicies,pvc")),
        ("events.txt", ("get", "events", "--sort-by=.lastTimestamp")),
        ("pods.txt", ("get", "pods", "-o", "wide")),
        ("volumes.txt", ("get", "persistentvolumes")),
    ):
        (folder / name).write_text(_kubectl(cluster, *words))
    for release, port in ((DETECTOR, 9090), (PUMP, 9090), (CAMERAS, 9091)):
        (folder / f"metrics-{release}.txt").write_text(_patiently(lambda r=release, p=port: scrape(cluster, r, p)))  # type: ignore[misc]
        (folder / f"helm-{release}.txt").write_text(_patiently(lambda r=release: _history(cluster, r)))  # type: ignore[misc]
    _logs(cluster, folder)
    if cluster.lab is not None:
        for part in LAB_LOGS:
            (folder / f"lab-{part}.log").write_text(cluster.on_lab("logs", part, check=False))


def _history(cluster: Cluster, release: str) -> str:
    done = cluster.helm("history", release, check=False, timeout=PATIENCE_S)
    values = cluster.helm("get", "values", release, check=False, timeout=PATIENCE_S)
    return done.stdout + done.stderr + values.stdout


def _logs(cluster: Cluster, folder: Path) -> None:
    """A log for every container, and one more for what ran in its place before."""
    try:
        pods = json.loads(_kubectl(cluster, "get", "pods", "-o", "json"))["items"]
    except ValueError:
        return
    for pod in pods:
        name = pod["metadata"]["name"]
        for status in pod["status"].get("containerStatuses", []) + pod["status"].get("initContainerStatuses", []):
            file, words = f"{name}.{status['name']}", ("logs", name, "-c", status["name"], "--tail=500")
            (folder / f"{file}.log").write_text(_kubectl(cluster, *words))
            if status["restartCount"]:
                (folder / f"{file}.previous.log").write_text(_kubectl(cluster, *words, "--previous"))


def _kubectl(cluster: Cluster, *words: str) -> str:
    return _patiently(lambda: cluster.kubectl(*words, check=False, timeout=PATIENCE_S))


def _patiently(say: Callable[[], str]) -> str:
    try:
        return say()
    except subprocess.TimeoutExpired as exc:
        return f"{exc}\n"

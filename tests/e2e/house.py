"""What runs on the gateway in these tests: releases, clients under load, cameras, a subscriber beyond the uplink."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster import NAMESPACE, ROOT, Cluster, until

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3.11"
DETECTOR, PUMP, CAMERAS = "belt-detector", "pump-failure", "cameras"
# The lab's addresses: where the gateway and the cloud answer.
GATEWAY, CLOUD = "198.18.0.2", "198.18.1.2"
BROKER_PORT = 1883
# Longer than the slowest start measured here, shorter than progressDeadlineSeconds.
HELM_TIMEOUT = "180s"
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


def upgrade(
    cluster: Cluster, release: str, *values: str, chart: str = "edge-inference", check: bool = True, timeout: str = ""
) -> subprocess.CompletedProcess[str]:
    """`helm upgrade --install` as docs/rollout.md has it; values are `key=value`."""
    sets = [word for value in values for word in ("--set", value)]
    return cluster.helm(
        "upgrade", "--install", release, f"charts/{chart}", "--reset-then-reuse-values", *sets,
        "--rollback-on-failure", "--wait", "--timeout", timeout or HELM_TIMEOUT, check=check, timeout=400,
    )  # fmt: skip


def model_version(cluster: Cluster, release: str) -> str:
    """Return the version of the model that the release's running pods serve."""
    values = json.loads(cluster.helm("get", "values", release, "--all", "-o", "json").stdout)
    version: str = values["model"]["version"]
    return version


def scrape(cluster: Cluster, workload: str, port: int, *, check: bool = True) -> str:
    """Return a pod's /metrics, read from inside it: no policy has to be opened for a test."""
    code = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
    return cluster.kubectl("exec", workload, "--", PYTHON, "-c", code, check=check)


def series(text: str, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that carry these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line for line in text.splitlines() if line.startswith((name + "{", name + " "))]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(each in line for each in wanted))


@dataclass(slots=True)
class Load:
    """Clients in a pod of their own; `lines` is what they have seen so far, second by second."""

    cluster: Cluster
    name: str

    def lines(self) -> list[dict[str, Any]]:
        # While its container is being made there is no log.
        text = self.cluster.kubectl("logs", self.name, "--tail=-1", check=False)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def failures(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for line in self.lines():
            total.update(line["failures"])
        return dict(total)

    def versions(self) -> list[str]:
        """Return the versions that answered in the last second told."""
        lines = self.lines()
        return sorted(lines[-1]["answers"]) if lines else []

    def settle(self, version: str, seconds: int = 3) -> None:
        """Wait until nothing but `version` has answered for some seconds."""
        until(
            lambda: [sorted(line["answers"]) for line in self.lines()[-seconds:]] == [[version]] * seconds,
            f"only {version} answers",
        )


@contextmanager
def load(cluster: Cluster, image: str, url: str, clients: int) -> Iterator[Load]:
    """Run closed-loop clients of `url` in a pod of the model's own image; its bundle says what to ask."""
    name = f"load-{time.monotonic_ns() % 10**9}"
    container = {
        "name": "load", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": RESTRICTED,
        "command": [PYTHON, "-c", (HERE / "load_client.py").read_text(), url, "/model", str(clients)],
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "256Mi"}},
    }  # fmt: skip
    cluster.apply(
        {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"e2e": "load", "app.kubernetes.io/name": "camera-ingest"}},
            "spec": {
                "containers": [container], "securityContext": POD_SECURITY, "restartPolicy": "Never",
                "automountServiceAccountToken": False, "enableServiceLinks": False, "terminationGracePeriodSeconds": 0,
            },
        }
    )  # fmt: skip
    run = Load(cluster, name)
    try:
        until(lambda: len(run.versions()) == 1, "the clients are at work")
        yield run
    finally:
        cluster.kubectl("delete", "pod", name, "--wait=false", check=False)


@contextmanager
def rtsp_camera(cluster: Cluster, side: str, port: int) -> Iterator[str]:
    """A real RTSP camera on one side of the uplink, playing the belt; yields its URL."""
    assert cluster.lab is not None
    address = {"gateway": GATEWAY, "cloud": CLOUD}[side]
    program = Path(os.environ.get("RTSP_CAMERA", cluster.lab.parent / "rtsp-camera"))
    clip = ROOT / "models" / "belt-detector" / "belt.mp4"
    command = [str(cluster.lab), "in", side, str(program), "--host", address, "--port", str(port), "--file", str(clip)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as camera:
        try:
            yield f"rtsp://{address}:{port}/stream"
        finally:
            camera.send_signal(signal.SIGKILL)


@dataclass(slots=True)
class Subscriber:
    """What has come to the broker beyond the uplink."""

    file: Path

    def events(self) -> list[dict[str, Any]]:
        whole = self.file.read_bytes().rpartition(b"\n")[0] if self.file.exists() else b""
        return [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]

    def subscribed(self) -> int:
        """Return how often it has subscribed: again after each time the broker was away."""
        return self.file.read_bytes().count(b"# subscribed\n") if self.file.exists() else 0

    def ids(self) -> list[str]:
        return [event["id"] for event in self.events()]


@contextmanager
def subscriber(cluster: Cluster, file: Path) -> Iterator[Subscriber]:
    """Subscribe on the cloud's side to all events of all gateways."""
    command = [str(cluster.lab), "in", "cloud", sys.executable, str(HERE / "subscriber.py")]
    with subprocess.Popen([*command, CLOUD, str(BROKER_PORT), "edge/+/+/events", str(file)]) as process:
        try:
            yield Subscriber(file)
        finally:
            process.kill()


def spooled_ids(cluster: Cluster) -> list[str]:
    """Return the ids of every event in the spool on the gateway's volume, delivered or not."""
    text = cluster.kubectl("exec", f"deploy/{CAMERAS}", "--", "edge-camera", "replay", "/var/lib/edge/spool")
    return [json.loads(line)["id"] for line in text.splitlines()]


def make_namespace(cluster: Cluster) -> None:
    """Make the tests' namespace; Kubernetes itself refuses there every pod that is not restricted."""
    cluster.apply(
        {
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
    )  # fmt: skip

"""Clients of an inference service in a pod of their own, and what they have seen."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster import Cluster, until
from e2e.releases import POD_SECURITY, PYTHON, RESTRICTED

PROGRAM = Path(__file__).parent / "load_client.py"
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients of the pod `name` have seen so far, second by second."""

    cluster: Cluster
    name: str

    def lines(self) -> list[Line]:
        # While its container is being made there is no log.
        text = self.cluster.kubectl("logs", self.name, "--tail=-1", check=False)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def settle(self, version: str, seconds: int = 3) -> None:
        """Wait until nothing but `version` has answered for some seconds."""
        until(
            lambda: [sorted(line["answers"]) for line in self.lines()[-seconds:]] == [[version]] * seconds,
            f"only {version} answers",
        )

    def window(self, seconds: float) -> list[Line]:
        """Return what is seen in the next `seconds`, rounded up to whole ones."""
        begun = len(self.lines())
        until(lambda: len(self.lines()) >= begun + seconds, "a window has passed", seconds + 30)
        return self.lines()[begun:]

    def end(self) -> list[Line]:
        """Wait for one more second's line and return all.

        Raises:
            AssertionError: the clients have ended by themselves, or one of them is stuck.
        """
        told = len(self.lines())
        until(lambda: len(self.lines()) > told, f"{self.name} goes on", 30)
        return self.lines()


def failures(lines: Sequence[Line]) -> dict[str, int]:
    """Return failed requests by kind."""
    total: Counter[str] = Counter()
    for line in lines:
        total.update(line["failures"])
    return dict(total)


def versions(lines: Sequence[Line]) -> set[str]:
    """Return the versions that answered."""
    return set().union(*(line["answers"] for line in lines))


def changes(lines: Sequence[Line]) -> list[int]:
    """Return how often each client saw another version than in its answer before."""
    found: list[int] = lines[-1]["changes"]
    return found


def percentiles(lines: Sequence[Line], *points: float) -> list[float]:
    """Return percentiles (0 to 1) in ms of the times of all answers in these lines together."""
    times = sorted(time_ms for line in lines for time_ms in line["times_ms"])
    return [times[min(int(len(times) * point), len(times) - 1)] for point in points]


def rate(lines: Sequence[Line]) -> float:
    """Return answers a second over these lines."""
    spent: float = lines[-1]["at_s"] - lines[0]["at_s"]
    answered: int = sum(sum(line["answers"].values()) for line in lines[1:])
    return answered / spent


@contextmanager
def load(cluster: Cluster, model: str, clients: int, *, release: str = "", failing: bool = False) -> Iterator[Load]:
    """Run closed-loop clients of `release`, named as its model by default; its bundle says what to ask.

    Raises:
        AssertionError: at the end, when a request had failed or a client had died, unless they are to be `failing`.
    """
    name = f"load-{time.monotonic_ns() % 10**9}"
    cluster.apply(_pod(name, cluster.image(model, "1.0.0"), f"http://{release or model}:8080", clients))
    run = Load(cluster, name)
    try:
        until(lambda: run.lines() and run.lines()[-1]["at_work"] == clients, "the clients are at work")
        yield run
        assert failing or failures(run.end()) == {}
    finally:
        cluster.kubectl("delete", "pod", name, "--wait=false", check=False)


def _pod(name: str, image: str, url: str, clients: int) -> dict[str, Any]:
    container = {
        "name": "load", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": RESTRICTED,
        "command": [PYTHON, "-c", PROGRAM.read_text(), url, "/model", str(clients)],
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "256Mi"}},
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Pod",
        # Whom the policy of the model lets in.
        "metadata": {"name": name, "labels": {"e2e": "load", "app.kubernetes.io/name": "camera-ingest"}},
        "spec": {
            "containers": [container], "securityContext": POD_SECURITY, "restartPolicy": "Never",
            "automountServiceAccountToken": False, "enableServiceLinks": False, "terminationGracePeriodSeconds": 0,
        },
    }  # fmt: skip

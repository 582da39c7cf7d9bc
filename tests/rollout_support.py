"""A release whose rollout is watched: an API server, a helm that notes what it is told, a clock that waits for nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgectl.rollout.bounds import Bounds
from edgectl.rollout.run import Wanted, run_baseline
from kube_support import Kube, Object, calls, deployment, exposition, helm_secret, kube, kubeconfig, pod, recorder

OLD, NEW = "dock-aaaaaaaaa-11111", "dock-bbbbbbbbb-22222"
AFTER = "2026-11-21T11:00:00Z"


@dataclass(slots=True)
class Ticks:
    """A clock whose time passes by waiting; `then` is what happens meanwhile."""

    then: Callable[[float], None]
    time: float = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self.time += seconds
            self.then(self.time)


@dataclass(slots=True)
class House:
    """One release: the version before has run, the new one does."""

    cluster: Kube
    helm_calls: Path
    cpu: dict[str, float] = field(default_factory=dict)

    def serve(self, name: str, version: str, *, ms: float = 4.0, cpu_ms: float = 4.0, each: int = 60, failed: int = 0,
              score: float = 0.85, label: str = "") -> Ticks:  # fmt: skip
        """Return a clock with whose ticks the pod answers calls."""
        counted = recorder(version)

        def tick(_: float) -> None:
            calls(counted, each, ms=ms, failed=failed, score=score, label=label)
            self.cpu[name] = self.cpu.get(name, 0.0) + each * cpu_ms / 1000
            self.cluster.metrics[name] = exposition(counted, cpu_s=self.cpu[name])

        tick(0.0)
        return Ticks(tick)

    def baseline(self) -> None:
        """Record how 1.0.0 does, try an upgrade that fails, and upgrade."""
        self.cluster.objects["pods"], self.cluster.objects["secrets"] = [pod(OLD)], [helm_secret(1, "deployed")]
        run_baseline("dock", namespace="", context="", in_cluster=False, seconds=20.0, if_any=False,
                     clock=self.serve(OLD, "1.0.0"))  # fmt: skip
        self.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER)]
        self.revisions("superseded", "failed", "deployed")

    def revisions(self, *statuses: str, refused: Sequence[int] = ()) -> None:
        """Let helm know these revisions; it calls one superseded even when it was `refused`, but describes it."""
        described = {
            number: 'Upgrade "dock" failed: timeout' if number in refused or each == "failed" else "Upgrade complete"
            for number, each in enumerate(statuses, 1)
        }
        rows = [{"revision": number, "description": text} for number, text in described.items()]
        (self.helm_calls.parent / "history").write_text(json.dumps(rows))
        self.cluster.objects["secrets"] = [helm_secret(number, each) for number, each in enumerate(statuses, 1)]

    def deployed(self, version: str, *, updated: int = 1, observed: int = 2, denied: str = "") -> None:
        """Let the Deployment's newest template be of this version, with so many pods of it."""
        found: Object = deployment()
        found["metadata"]["generation"] = 2
        found["spec"]["template"] = {"metadata": {"labels": {"edge-serve/model-version": version}}}
        failure = {"type": "ReplicaFailure", "status": "True", "message": denied}
        found["status"] |= {"observedGeneration": observed, "updatedReplicas": updated}
        found["status"]["conditions"] = [failure] if denied else []
        self.cluster.objects["deployments"] = [found]

    def rollbacks(self) -> list[str]:
        return self.helm_calls.read_text().splitlines() if self.helm_calls.exists() else []

    def verdict(self) -> dict[str, str]:
        book = self.cluster.find("configmaps", "dock-rollout-baseline")
        found: dict[str, str] = json.loads(book["data"]["verdict.json"]) if book else {}
        return found


@contextmanager
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Yield one that is installed, on PATH a helm, and in KUBECONFIG the way to its cluster."""
    helm = tmp_path / "bin" / "helm"
    helm.parent.mkdir()
    history = tmp_path / "history"
    helm.write_text(f'#!/bin/sh\nif [ "$1" = history ]; then cat {history}; else echo "$@" >>{tmp_path / "helm"}; fi\n')
    helm.chmod(helm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(helm.parent), prepend=":")
    with kube() as cluster:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", cluster.port)))
        found = House(cluster, tmp_path / "helm")
        found.revisions("superseded", "failed", "deployed")
        yield found


@pytest.fixture(name="house")
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """`release` as a fixture; a test file that imports it has a `house`."""
    with release(tmp_path, monkeypatch) as found:
        yield found


def wanted(**other: Any) -> Wanted:
    given: dict[str, Any] = {
        "release": "dock", "namespace": "", "context": "", "in_cluster": False, "candidate": False, "seconds": 20.0,
        "rollback": True, "to": None, "bounds": Bounds(), "as_json": True,
    }  # fmt: skip
    return Wanted(**(given | other))


def told(text: str) -> dict[str, Any]:
    """Return the verdict that a watch printed."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def rows(text: str) -> dict[str, str]:
    return {row["what"]: row["state"] for row in told(text)["rows"]}

"""`edgectl` as its user calls it, and a bundle and a cluster to call it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import onnx_models
from edgectl.bundle.create import create_bundle
from edgectl_support import X
from edgectl_support import run as run
from kube_support import POD, Kube, calls, deployment, exposition, helm_secret, kube, kubeconfig, pod, recorder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """x -> y = 2 x, with one golden sample."""
    graph = onnx_models.doubler(tmp_path / "doubler.onnx")
    return create_bundle(graph, tmp_path / "doubler", name="doubler", version="1.0.0", inputs=[X]).directory


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kube]:
    """A release that is well, and no time that passes."""
    with kube() as running:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", running.port)))
        monkeypatch.setattr("time.sleep", lambda _: None)
        counted = recorder()
        calls(counted, 40)
        running.objects = {
            "deployments": [deployment()], "pods": [pod(POD)], "secrets": [helm_secret(3, "deployed")],
        }  # fmt: skip
        running.metrics[POD] = exposition(counted, cpu_s=1.0, rss=80 * 2**20)
        yield running

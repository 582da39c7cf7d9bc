"""The guard's image holds what `edgectl rollout` needs in a cluster, and starts with a read-only root."""

from __future__ import annotations

import subprocess

import pytest

from image_support import GUARD, INFERENCE, RUN_S, built, command, layers, python

pytestmark = pytest.mark.images

MB = 1_000_000


@pytest.fixture(autouse=True)
def _images() -> None:
    built()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command(), GUARD, *words], capture_output=True, text=True, timeout=RUN_S, check=False)


@pytest.mark.parametrize("words", [("watch", "dock"), ("baseline", "dock")])
def test_outside_of_a_pod_it_is_one_line(words: tuple[str, ...]) -> None:
    done = run(*words, "--in-cluster")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--in-cluster: want a pod with a service account" in done.stderr


def test_it_can_judge_scrape_and_record() -> None:
    modules = "run, watch, judge, before, reference, screen"
    assert python(GUARD, f"from edgectl.rollout import {modules}; import ssl; print('ok')") == "ok\n"


def test_it_holds_no_client_of_kubernetes_and_no_models_runtime() -> None:
    names = {name for layer in layers(GUARD) for name, _ in layer["files"]}
    packages = {name.split("/dist-packages/")[1].split("/")[0] for name in names if "/dist-packages/" in name}
    assert not packages & {"kubernetes", "onnx", "onnxruntime", "numpy", "granian"}
    assert {"edgectl", "edge_common", "urllib3", "prometheus_client", "msgspec"} <= packages


def test_beside_an_inference_image_it_is_small() -> None:
    own = [layer for layer in layers(GUARD) if layer["digest"] != layers(INFERENCE)[0]["digest"]]
    assert len(own) == len(layers(GUARD)) - 1
    assert sum(layer["compressed"] for layer in own) <= 8 * MB

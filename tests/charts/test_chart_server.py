"""A real API server takes every object: schemas, CRDs, and a namespace that enforces the restricted standard."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_support import CASES, render, run, tools

pytestmark = pytest.mark.charts
STANDARD = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A namespace of this run's own."""
    if "KUBECONFIG" not in tools() or shutil.which("kubectl", path=tools()["PATH"]) is None:
        pytest.skip("no cluster: neither KUBECONFIG nor a lab that is up; LAB names the lab's program")
    if run("kubectl", "version", "--request-timeout=5s").returncode:
        pytest.skip("the cluster of KUBECONFIG does not answer; is the lab up?")
    name = f"charts-{os.getpid()}"
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": STANDARD}}
    made = run("kubectl", "create", "-f", "-", text=json.dumps(document))
    assert made.returncode == 0, made.stderr
    yield name
    run("kubectl", "delete", "namespace", name, "--wait=false")


def _dry_run(namespace: str, manifests: list[dict[str, Any]]) -> tuple[int, str, list[str]]:
    document = {"apiVersion": "v1", "kind": "List", "items": manifests}
    done = run(
        "kubectl", "create", "--dry-run=server", "-n", namespace, "-f", "-", "-o", "name", text=json.dumps(document)
    )  # fmt: skip
    return done.returncode, done.stderr, done.stdout.split()


@pytest.mark.parametrize(("chart", "file"), CASES, ids=lambda part: getattr(part, "stem", part))
def test_every_object_is_taken_without_a_warning(namespace: str, chart: str, file: Path) -> None:
    manifests = render(chart, {"namespaceOverride": namespace}, file=file)
    for each in manifests:
        if "serviceAccountName" in each.get("spec", {}):
            del each["spec"]["serviceAccountName"]
    code, said, taken = _dry_run(namespace, manifests)
    assert (code, said) == (0, "")
    assert len(taken) == len(manifests)


def test_the_namespace_would_refuse_another_pod(namespace: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x"},
        "spec": {"containers": [{"name": "x", "image": "x"}]},
    }
    code, said, _ = _dry_run(namespace, [pod])
    assert code != 0 and "restricted" in said


def test_a_typo_that_helm_lets_through_would_be_refused(namespace: str) -> None:
    manifests = render("edge-inference", {"namespaceOverride": namespace, "affinity": {"nodeAfinity": {}}})
    code, said, _ = _dry_run(namespace, manifests)
    assert code != 0 and "nodeAfinity" in said

"""edge-monitoring: a real API server takes every object, the operator's too; without node-exporter even where all has to be restricted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_support import CHARTS, MONITORING, run, tools
from monitoring_support import CHART, FILES, case, rendered

pytestmark = pytest.mark.charts
STANDARD = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


@pytest.fixture(scope="module", params=[{}, STANDARD], ids=["open", "restricted"])
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of this run's own."""
    if "KUBECONFIG" not in tools() or shutil.which("kubectl", path=tools()["PATH"]) is None:
        pytest.skip("no cluster: neither KUBECONFIG nor a lab that is up; LAB names the lab's program")
    if run("kubectl", "version", "--request-timeout=5s").returncode:
        pytest.skip("the cluster of KUBECONFIG does not answer; is the lab up?")
    name = f"charts-monitoring-{'restricted' if request.param else 'open'}-{os.getpid()}"
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": request.param}}
    made = run("kubectl", "create", "-f", "-", text=json.dumps(document))
    assert made.returncode == 0, made.stderr
    yield name
    run("kubectl", "delete", "namespace", name, "--wait=false")


def _values(namespace: str) -> dict[str, Any]:
    return {"namespaceOverride": namespace, "namespaces": [namespace], "nodeExporter": {"namespace": namespace}}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_object_is_taken_without_a_warning(namespace: str, file: Path) -> None:
    if "-restricted-" in namespace and file != case("restricted"):
        pytest.skip("has node-exporter, which that namespace forbids")
    manifests = rendered(_values(namespace), file)
    for each in manifests:
        # The admission of a Pod asks for its account, which a dry run does not make.
        if each["kind"] == "Pod":
            del each["spec"]["serviceAccountName"]
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    done = run("kubectl", "create", "--dry-run=server", "-f", "-", "-o", "name", text=document)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()) == len(manifests)


def test_node_exporter_is_refused_where_its_pods_would_be(namespace: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(json.dumps(MONITORING[CHART] | _values(namespace)), encoding="utf-8")
    chart = str(CHARTS / CHART)
    done = run("helm", "install", "dock", chart, f"--namespace={namespace}", f"--values={path}", "--dry-run=server")
    if "-restricted-" in namespace:
        assert f"namespace {namespace} enforces the Pod Security Standard restricted" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_a_namespace_that_is_not_there_is_named_before_anything_is_made(namespace: str, tmp_path: Path) -> None:
    if "-restricted-" in namespace:
        pytest.skip("the same there")
    missing = f"{namespace}-not"
    for values, key in (
        ({"namespaces": [namespace, missing]}, "namespaces"),
        ({"namespaces": [namespace], "nodeExporter": {"namespace": missing}}, "nodeExporter.namespace"),
        ({"mode": "operator", "nodeExporter": {"namespace": missing}}, "nodeExporter.namespace"),
    ):
        path = tmp_path / "values.yaml"
        path.write_text(json.dumps(MONITORING[CHART] | values), encoding="utf-8")
        done = run(
            "helm",
            "install",
            "dock",
            str(CHARTS / CHART),
            f"--namespace={namespace}",
            f"--values={path}",
            "--dry-run=server",
        )
        assert f"{key}: namespace {missing} does not exist" in done.stderr
        assert f"kubectl create namespace {missing}" in done.stderr


def test_the_releases_own_namespace_may_be_made_by_helm(namespace: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(json.dumps(MONITORING[CHART] | {"namespaces": [namespace]}), encoding="utf-8")
    done = run(
        "helm",
        "install",
        "dock",
        str(CHARTS / CHART),
        f"--namespace={namespace}-own",
        "--create-namespace",
        f"--values={path}",
        "--dry-run=server",
    )
    assert done.returncode == 0, done.stderr

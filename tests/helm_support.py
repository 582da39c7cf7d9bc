"""The charts as helm renders them. helm and kubectl come from PATH, or from the lab that LAB names."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from go_support import GO_ENV

ROOT = Path(__file__).parents[1]
CHARTS = ROOT / "charts"
LAB = Path(os.environ.get("LAB", ROOT.parent / "shared/lab/lab"))
# What each chart wants to be told, and no more.
LEAST: dict[str, dict[str, Any]] = {
    "edge-inference": {"model": {"version": "1.0.0"}},
    "camera-ingest": {
        "inference": {"model": "belt-detector"},
        "cameras": {"dock-3": {"url": "rtsp://192.168.1.20/stream1"}},
    },
}
# It runs none of our services.
MONITORING: dict[str, dict[str, Any]] = {"edge-monitoring": {"gateway": "plant-7"}}
# Of the services' charts: what watches them has rules of its own.
CASES = sorted((chart, path) for chart in LEAST for path in CHARTS.glob(f"{chart}/ci/*-values.yaml"))
Manifest = dict[str, Any]


@functools.cache
def tools() -> Mapping[str, str]:
    """The environment in which helm and kubectl run."""
    env = dict(os.environ)
    if LAB.is_file():
        command = ["bash", "-c", f'eval "$("{LAB}" env)" && printf "%s\\n" "$PATH" "${{KUBECONFIG:-}}"']
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        path, config = found.stdout.splitlines()
        env["PATH"] = path
        env.setdefault("KUBECONFIG", config)
    return env


def need_helm() -> None:
    """Skip the calling test when there is no helm."""
    if shutil.which("helm", path=tools()["PATH"]) is None:
        pytest.skip("no helm on PATH, and no lab that has one; LAB names the lab's program")


def run(*command: str, text: str | None = None, timeout: int = 60) -> subprocess.CompletedProcess[str]:
    """Run helm or kubectl."""
    need_helm()
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=timeout, check=False, env={**tools(), **GO_ENV}
    )


@functools.cache
def _template(chart: str, release: str, file: Path | None, values: str) -> subprocess.CompletedProcess[str]:
    named = [f"--values={file}"] if file else []
    return run("helm", "template", release, str(CHARTS / chart), "--namespace=edge", *named, "--values=-", text=values)


def _least(chart: str) -> dict[str, Any]:
    return (LEAST | MONITORING)[chart]


def parse(text: str) -> list[Manifest]:
    """The manifests that helm printed."""
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def render(
    chart: str, values: Mapping[str, Any] | None = None, *, release: str = "dock", file: Path | None = None
) -> list[Manifest]:
    """Return the manifests of a release with these values over the least ones, or over those of `file`."""
    done = _template(chart, release, file, json.dumps(merged({} if file else _least(chart), values or {})))
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def refusal(chart: str, values: Mapping[str, Any]) -> str:
    """Return what helm says when it refuses these values over the least ones."""
    done = _template(chart, "dock", None, json.dumps(merged(_least(chart), values)))
    assert done.returncode != 0, "not refused"
    return done.stderr


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `over` laid over `base`, as helm does it."""
    both = dict(base)
    for key, value in over.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both


def one(manifests: list[Manifest], kind: str, name: str = "dock") -> Manifest:
    """Return the one manifest of this kind and name."""
    found = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{kind} {name}: {[(m['kind'], m['metadata']['name']) for m in manifests]}"
    return found[0]


def names(manifests: list[Manifest], kind: str) -> list[str]:
    return sorted(each["metadata"]["name"] for each in manifests if each["kind"] == kind)


def pod_templates(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every pod that the manifests can start: "kind/name", and its metadata and spec."""
    for each in manifests:
        title = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            yield title, each
        elif "template" in each.get("spec", {}):
            yield title, each["spec"]["template"]


def containers(pod: Manifest) -> list[dict[str, Any]]:
    """All containers of a pod, those that start it too."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def main_pod(manifests: list[Manifest], name: str = "dock") -> dict[str, Any]:
    """The pod spec of a Deployment."""
    spec: dict[str, Any] = one(manifests, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def environment(container: Mapping[str, Any]) -> dict[str, Any]:
    """A container's environment: name to text, or to valueFrom."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def at(manifest: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; numbers are indices."""
    found: Any = manifest
    for part in path.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    return found

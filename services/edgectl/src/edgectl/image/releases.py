"""What a site's HelmCharts start, as helm renders them: nothing is guessed. Charts, values and the images' names."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edgectl.model.errors import ModelError

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
# A chart of ours takes a quarter of a second; helm waits for nobody.
_HELM_S = 120


@dataclass(frozen=True, slots=True)
class Release:
    """One HelmChart of the manifests: its name, the chart's folder and archive, the namespace and the values (YAML)."""

    name: str
    chart: Path
    archive: str
    namespace: str
    values: str


def run(*command: str | Path, timeout_s: float | None = None) -> str:
    """Run `command` and return what it printed.

    Raises:
        ModelError: the command is not there or failed; with the line that says why.
    """
    words = [str(part) for part in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout_s)
    except FileNotFoundError:
        raise ModelError(f"{words[0]} is not on PATH") from None
    except subprocess.TimeoutExpired:
        raise ModelError(f"{' '.join(words[:3])}: not done within {timeout_s:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        # helm says what is wrong first, and then how to debug it.
        why = next((line for line in said if line.startswith("Error")), said[-1])
        raise ModelError(f"{' '.join(words[:3])}: {why}")
    return done.stdout


def releases(manifests: Path, charts: Path) -> list[Release]:
    """Return the HelmCharts of `manifests`, in the order of their files.

    Raises:
        ModelError: no manifest is there, or one names a chart version that `charts` does not hold.
    """
    sources = {f"{path.parent.name}-{_version(path)}.tgz": path.parent for path in sorted(charts.glob("*/Chart.yaml"))}
    found: list[Release] = []
    for path in sorted(manifests.glob("*.yaml")):
        charted = [document for document in _documents(path) if document.get("kind") == "HelmChart"]
        found += [_release(path, document, sources, charts) for document in charted]
    if not found:
        raise ModelError(f"{manifests}: no HelmChart in any *.yaml there")
    return found


def images(found: Iterable[Release]) -> list[str]:
    """Return the images that the releases can start, each once, sorted: those of hooks and tests too."""
    return sorted({image for release in found for document in _rendered(release) for image in _pod_images(document)})


def _release(path: Path, document: dict[str, Any], sources: dict[str, Path], charts: Path) -> Release:
    try:
        spec, name = document["spec"], str(document["metadata"]["name"])
        archive = str(spec["chart"]).rsplit("/", 1)[-1]
        values, namespace = str(spec.get("valuesContent", "")), str(spec.get("targetNamespace", "default"))
    except (KeyError, TypeError, AttributeError) as exc:
        raise ModelError(f"{path}: want a HelmChart with metadata.name and spec.chart: {exc}") from None
    if archive not in sources:
        raise ModelError(f"{path}: wants {archive}, {charts} holds {', '.join(sorted(sources)) or 'no chart'}")
    return Release(name, sources[archive], archive, namespace, values)


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of one manifest."""
    try:
        found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ModelError(f"{path}: {' '.join(str(exc).split())}") from None
    yield from (document for document in found if isinstance(document, dict))


def _version(chart: Path) -> str:
    return str(next(_documents(chart), {}).get("version", ""))


def _rendered(release: Release) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder) / "values.yaml"
        values.write_text(release.values, encoding="utf-8")
        where = ("--namespace", release.namespace, "--values", values)
        text = run("helm", "template", release.name, release.chart, *where, timeout_s=_HELM_S)
    return [document for document in yaml.safe_load_all(text) if isinstance(document, dict)]


def _pod_images(node: Any) -> Iterator[str]:
    """Yield the images of all pods anywhere in an object: of a Pod, or of the template in whatever makes pods."""
    if isinstance(node, dict):
        for key in _CONTAINERS:
            for container in node.get(key) or ():
                if isinstance(container, dict) and "image" in container:
                    yield str(container["image"])
        for child in node.values():
            yield from _pod_images(child)
    elif isinstance(node, list):
        for child in node:
            yield from _pod_images(child)

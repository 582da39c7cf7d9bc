"""What a site's HelmCharts start, as helm renders them: nothing is guessed. Charts, values and the images' names."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge_common.tomlfile import one_line
from edgectl.model.errors import ModelError
from edgectl.model.scratch import filling_scratch, scratch

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


def run(*command: str | Path, timeout_s: float) -> str:
    """Run `command` and return what it printed.

    Raises:
        ModelError: the command is not there or failed; with the line that says why.
    """
    words = [str(part) for part in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, timeout=timeout_s)
    except FileNotFoundError:
        raise ModelError(f"{words[0]} is not on PATH") from None
    except OSError as exc:
        raise ModelError(f"{words[0]}: cannot be run: {(exc.strerror or str(exc)).lower()}") from None
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
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError:
        raise ModelError(f"{path}: want a manifest, found a directory; give it another name") from None
    except OSError as exc:
        raise ModelError(f"{path}: {(exc.strerror or str(exc)).lower()}") from None
    except UnicodeDecodeError as exc:
        raise ModelError(f"{path}: want UTF-8 text: {exc}") from None
    yield from objects(str(path), text)


def objects(where: str, text: str) -> list[dict[str, Any]]:
    """Return the objects in YAML from `where`.

    Raises:
        ModelError: it is no YAML.
    """
    try:
        return [document for document in yaml.safe_load_all(text) if isinstance(document, dict)]
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        # ValueError is what a time that is none gives.
        raise ModelError(f"{where}: want YAML: {one_line(' '.join(str(exc).split()))[:300]}") from None


def _version(chart: Path) -> str:
    return str(next(_documents(chart), {}).get("version", ""))


def _rendered(release: Release) -> list[dict[str, Any]]:
    with scratch() as folder:
        values = folder / "values.yaml"
        with filling_scratch():
            values.write_text(release.values, encoding="utf-8")
        where = ("--namespace", release.namespace, "--values", values)
        text = run("helm", "template", release.name, release.chart, *where, timeout_s=_HELM_S)
    return objects(f"{release.chart}: what helm made of it for {release.name}", text)


def _pod_images(node: Any) -> Iterator[str]:
    """Yield the images of all pods anywhere in an object: of a Pod, or of the template in whatever makes pods."""
    if isinstance(node, dict):
        for key in _CONTAINERS:
            listed = node.get(key)
            for container in listed if isinstance(listed, list) else ():
                if isinstance(container, dict) and "image" in container:
                    yield str(container["image"])
        for child in node.values():
            yield from _pod_images(child)
    elif isinstance(node, list):
        for child in node:
            yield from _pod_images(child)

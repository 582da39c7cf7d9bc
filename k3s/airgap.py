#!/usr/bin/env python3
"""What a gateway without a network has to be given: `airgap.py list`, then `airgap.py pack DIR`.

Runs on a workstation that has helm, the images (podman or docker) and PyYAML, never on the gateway. What a chart starts
is not guessed: each HelmChart of manifests/ is rendered with its own values, hooks and tests too, and the images are
read from the pods in it.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SUMS = "SHA256SUMS"
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
# What install.sh needs beside itself.
CARRIED = ("install.sh", "lib", "config.yaml", "kubelet.conf", "audit.yaml", "sysctl.conf", "logind.conf", "README.md")
READ_SIZE = 1 << 20


class PackError(Exception):
    """One line for the person at the keyboard: what was found, what was wanted, what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """One HelmChart of the manifests: its name, the chart's folder, the namespace and the values."""

    name: str
    chart: Path
    archive: str
    namespace: str
    values: str


def run(*command: str | Path) -> str:
    """Run `command` and return what it printed.

    Raises:
        PackError: the command is not there or failed; with the line that says why.
    """
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PackError(f"{command[0]} is not on PATH") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        # helm says what is wrong first, and then how to debug it.
        why = next((line for line in said if line.startswith("Error")), said[-1])
        raise PackError(f"{' '.join(str(part) for part in command[:3])}: {why}")
    return done.stdout


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of one manifest."""
    try:
        found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as exc:
        raise PackError(f"{path}: {' '.join(str(exc).split())}") from None
    yield from (document for document in found if isinstance(document, dict))


def releases(manifests: Path, charts: Path) -> list[Release]:
    """Return the HelmCharts of `manifests`, in the order of their files.

    Raises:
        PackError: no manifest is there, or one names a chart version that `charts` does not hold.
    """
    sources = {f"{path.parent.name}-{version(path)}.tgz": path.parent for path in sorted(charts.glob("*/Chart.yaml"))}
    found = []
    for path in sorted(manifests.glob("*.yaml")):
        for document in documents(path):
            if document.get("kind") != "HelmChart":
                continue
            spec, name = document["spec"], document["metadata"]["name"]
            archive = str(spec["chart"]).rsplit("/", 1)[-1]
            if archive not in sources:
                raise PackError(f"{path}: wants {archive}, {charts} holds {', '.join(sorted(sources)) or 'no chart'}")
            namespace = spec.get("targetNamespace", "default")
            found.append(Release(name, sources[archive], archive, namespace, spec.get("valuesContent", "")))
    if not found:
        raise PackError(f"{manifests}: no HelmChart in any *.yaml there")
    return found


def version(chart: Path) -> str:
    """Return the version that a Chart.yaml states."""
    return str(next(documents(chart)).get("version", ""))


def rendered(release: Release) -> list[dict[str, Any]]:
    """Return every object that `release` can make: hooks and test pods too."""
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder) / "values.yaml"
        values.write_text(release.values, encoding="utf-8")
        text = run(
            "helm", "template", release.name, release.chart, "--namespace", release.namespace, "--values", values
        )
    return [document for document in yaml.safe_load_all(text) if isinstance(document, dict)]


def pod_images(node: Any) -> Iterator[str]:
    """Yield the images of all pods anywhere in an object: of a Pod, or of the template in whatever makes pods."""
    if isinstance(node, dict):
        for key in CONTAINERS:
            for container in node.get(key) or ():
                if isinstance(container, dict) and "image" in container:
                    yield str(container["image"])
        for child in node.values():
            yield from pod_images(child)
    elif isinstance(node, list):
        for child in node:
            yield from pod_images(child)


def images(found: Iterable[Release]) -> list[str]:
    """Return the images that the releases can start, each once, sorted."""
    return sorted({image for release in found for document in rendered(release) for image in pod_images(document)})


def check_images(tool: str, names: list[str], arch: str) -> None:
    """Raise PackError unless each image is here and for `arch`."""
    for name in names:
        found = run(tool, "image", "inspect", "--format", "{{.Architecture}}", name).strip()
        if found != arch:
            raise PackError(f"{name} is for {found}, wanted {arch}: build or pull it for that platform")


def save(tool: str, names: list[str], target: Path) -> Path:
    """Write all images into one archive, a layer that several share once; compressed where zstd is there."""
    many = ["--multi-image-archive"] if tool == "podman" else []
    run(tool, "save", *many, "--output", target, *names)
    if shutil.which("zstd") is None:
        return target
    run("zstd", "--quiet", "--rm", "-T0", "-10", "--force", target)
    return target.with_name(target.name + ".zst")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces: an archive may be larger than the memory."""
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_SIZE):
            seen.update(piece)
    return seen.hexdigest()


def write_sums(folder: Path) -> None:
    """List every file of `folder` in SHA256SUMS, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{digest(path)}  ./{path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_fetched(folder: Path) -> str:
    """Return the architecture of a folder that fetch.sh made, after checking that nothing in it has changed.

    Raises:
        PackError: it is not such a folder, or a file differs.
    """
    for name in (SUMS, "ARCH", "VERSION", "bin/k3s", "bin/install-k3s.sh"):
        if not (folder / name).is_file():
            raise PackError(f"{folder / name} is missing: want a folder that fetch.sh made")
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        wanted, name = line.split("  ", 1)
        if not (folder / name).is_file() or digest(folder / name) != wanted:
            raise PackError(f"{folder / name} is not what {SUMS} says: fetch it again")
    return (folder / "ARCH").read_text(encoding="utf-8").strip()


def copy_in(source: Path, target: Path) -> None:
    """Copy a file or a folder over what is there."""
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def pack(folder: Path, manifests: Path, charts: Path, tool: str) -> list[str]:
    """Add images, charts, manifests and install.sh to a folder that fetch.sh made; return the images' names."""
    arch = check_fetched(folder)
    found = releases(manifests, charts)
    names = images(found)
    check_images(tool, names, arch)
    for old in (folder / "images").glob("edge-serve-images.tar*"):
        old.unlink()
    save(tool, names, folder / "images" / "edge-serve-images.tar")
    (folder / "charts").mkdir(exist_ok=True)
    for release in found:
        run("helm", "package", release.chart, "--destination", folder / "charts")
    for name in CARRIED:
        copy_in(HERE / name, folder / name)
    copy_in(manifests, folder / "manifests")
    write_sums(folder)
    return names


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(prog="airgap.py", description="What a gateway without a network has to be given.")
    top.add_argument("--manifests", type=Path, default=HERE / "manifests", help="the HelmCharts (default: %(default)s)")
    top.add_argument("--charts", type=Path, default=HERE.parent / "charts", help="sources of the charts")
    verbs = top.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="print every image that the charts can start, with these values")
    packing = verbs.add_parser("pack", help="add images, charts and install.sh to a folder that fetch.sh made")
    packing.add_argument("folder", type=Path)
    packing.add_argument("--tool", choices=["podman", "docker"], default="podman", help="where the images are")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one verb; 2 and one line when it cannot be done."""
    given = parser().parse_args(argv)
    try:
        if given.verb == "list":
            print("\n".join(images(releases(given.manifests, given.charts))))
        else:
            names = pack(given.folder, given.manifests, given.charts, given.tool)
            done = "carry it, then there: ./install.sh --from ."
            print(f"{given.folder}: {len(names)} images, SHA256SUMS written; {done}")
    except (PackError, OSError) as exc:
        print(f"airgap.py: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

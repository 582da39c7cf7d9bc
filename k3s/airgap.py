#!/usr/bin/env python3
"""What a gateway without a network has to be given: `airgap.py list`, then `airgap.py pack DIR`.

Runs on a workstation that has helm, the images (podman or docker) and edgectl, never on the gateway. It packs all of a
first installation, K3s itself too, into a folder for install.sh. What comes later, a new model above all, is one file
of `edgectl image airgap`, whose list of images this is: each HelmChart of manifests/ as helm renders it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from edge_common.bundle import sha256_of
from edge_common.errors import StartError
from edge_common.tomlfile import one_line, read_bytes
from edgectl.image.gap import read_sums
from edgectl.image.releases import images, releases, run
from edgectl.model.errors import ModelError

HERE = Path(__file__).resolve().parent
SUMS = "SHA256SUMS"
# What install.sh needs beside itself.
CARRIED = ("install.sh", "lib", "config.yaml", "kubelet.conf", "audit.yaml", "sysctl.conf", "logind.conf", "README.md")
# What fetch.sh puts there beside the sums.
FETCHED = ("ARCH", "VERSION", "bin/k3s", "bin/install-k3s.sh")
# For a slow disk: to ask the engine for an image, to write gigabytes of them, to press those, to pack a chart.
INSPECT_S, SAVE_S, PRESS_S, CHART_S = 60, 1800, 3600, 60
MAX_SUMS_BYTES = 1024 * 1024


def check_images(tool: str, names: list[str], arch: str) -> None:
    """Raise ModelError unless each image is here and for `arch`."""
    for name in names:
        found = run(tool, "image", "inspect", "--format", "{{.Architecture}}", name, timeout_s=INSPECT_S).strip()
        if found != arch:
            raise ModelError(f"{name} is for {found}, wanted {arch}: build or pull it for that platform")


def save(tool: str, names: list[str], target: Path) -> Path:
    """Write all images into one archive, a layer that several share once; compressed where zstd is there."""
    many = ["--multi-image-archive"] if tool == "podman" else []
    run(tool, "save", *many, "--output", target, *names, timeout_s=SAVE_S)
    if shutil.which("zstd") is None:
        return target
    run("zstd", "--quiet", "--rm", "-T0", "-10", "--force", target, timeout_s=PRESS_S)
    return target.with_name(target.name + ".zst")


def write_sums(folder: Path) -> None:
    """List every file of `folder` in SHA256SUMS, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{sha256_of(path)}  ./{path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_fetched(folder: Path) -> str:
    """Return the architecture of a folder that fetch.sh made, after checking that nothing in it has changed.

    Raises:
        ModelError: it is not such a folder, or a file differs.
    """
    for name in (SUMS, *FETCHED):
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing: want a folder that fetch.sh made")
    sums = read_sums(str(folder / SUMS), read_bytes(folder / SUMS, MAX_SUMS_BYTES))
    if unlisted := set(map(Path, FETCHED)) - set(map(Path, sums)):
        raise ModelError(f"{folder / SUMS} does not list {min(unlisted)}: fetch it again")
    for name, wanted in sums.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ModelError(f"{folder / SUMS}: want files of this folder, found {name!r:.200}: fetch it again")
        if not path.is_file() or sha256_of(path) != wanted:
            raise ModelError(f"{one_line(str(path))} is not what {SUMS} says: fetch it again")
    return (folder / "ARCH").read_text(encoding="utf-8", errors="replace").strip()


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
        run("helm", "package", release.chart, "--destination", folder / "charts", timeout_s=CHART_S)
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
    except (StartError, OSError) as exc:
        print(f"airgap.py: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

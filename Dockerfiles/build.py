"""`make images`: the inference runtime, one image a model on top of it, camera-ingest, and the guard."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from edge_common.bundle import MANIFEST, read_bundle
from edge_common.errors import StartError
from engine import ROOT, EngineError, build_command, run

HERE = Path("Dockerfiles")
# Image -> folder of its distribution; the models stand on the first.
SERVICES = {"edge-inference": "inference", "edge-camera-ingest": "camera_ingest", "edge-guard": "edgectl"}


@dataclass(frozen=True, slots=True)
class Image:
    """One image to build: its full name, its Dockerfile, its context and build arguments."""

    name: str
    dockerfile: Path
    context: Path
    arguments: dict[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        pairs = [f"{key}={value}" for key, value in self.arguments.items()]
        options = [word for pair in pairs for word in ("--build-arg", pair)]
        return [*build_command(), "-f", str(self.dockerfile), *options, "-t", self.name, str(self.context)]


def version_of(service: str) -> str:
    """Return the version of `services/<service>`."""
    text = (ROOT / "services" / service / "pyproject.toml").read_text()
    version: str = tomllib.loads(text)["project"]["version"]
    return version


def revision() -> str:
    """Return the commit that is checked out, "unknown" outside of git."""
    if not shutil.which("git"):
        return "unknown"
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def service(name: str, folder: str, registry: str, base: str) -> Image:
    """Return a service's image; its Dockerfile is named as the image, less "edge-"."""
    arguments = {"VERSION": version_of(folder), "REVISION": revision()} | ({"BASE": base} if base else {})
    file = HERE / f"{name.removeprefix('edge-')}.Dockerfile"
    return Image(f"{registry}/{name}:{version_of(folder)}", file, Path(), arguments)


def model(bundle: Path, registry: str, runtime: str) -> Image:
    """Return the image of the bundle in the directory `bundle`.

    Raises:
        StartError: the bundle is not as docs/bundle.md says.
    """
    found = read_bundle(bundle)
    arguments = {"RUNTIME": runtime, "NAME": found.name, "VERSION": found.version}
    return Image(f"{registry}/edge-model-{found.name}:{found.version}", HERE / "model.Dockerfile", bundle, arguments)


def sample_bundles() -> list[Path]:
    """Return the bundles of models/."""
    return [path.parent for path in sorted((ROOT / "models").glob(f"*/{MANIFEST}"))]


def planned(bundles: list[Path], registry: str, base: str = "", runtime: str = "") -> Iterator[Image]:
    """Yield the images in an order in which they can be built; those of the bundles only when `runtime` is given."""
    services = [service(name, folder, registry, base) for name, folder in SERVICES.items()]
    # All of them first: a bundle with a fault is told before anything is built.
    models = [model(bundle, registry, runtime or services[0].name) for bundle in bundles]
    yield from models if runtime else [services[0], *models, *services[1:]]


def main(
    bundles: Annotated[list[Path] | None, typer.Argument(help="bundle directories; those of models/ if none")] = None,
    registry: Annotated[str, typer.Option(help="first part of the images' names")] = "localhost",
    base: Annotated[str, typer.Option(help="base image, best with a digest; the Dockerfile's own if empty")] = "",
    runtime: Annotated[str, typer.Option(help="build only the bundles' images, on this runtime image")] = "",
) -> None:
    """Build every image; prints one line each: name, seconds."""
    chosen = bundles or sample_bundles()
    try:
        for image in planned([path.resolve() for path in chosen], registry, base, runtime):
            began = time.monotonic()
            run([*image.command()[:-1], "--quiet", image.command()[-1]])
            print(f"{image.name}  {time.monotonic() - began:.1f} s", flush=True)
    except (EngineError, StartError) as exc:
        print(f"images: {exc}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    typer.run(main)

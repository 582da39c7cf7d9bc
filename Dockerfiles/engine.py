"""The program that builds, and the one that saves images: buildah, podman or docker, whichever is there."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A builder of one's own, such as a wrapper that brings a proxy's certificates: everything before the build's options.
VARIABLE = "IMAGE_BUILD"
ENGINES = ("buildah", "podman", "docker")


class EngineError(Exception):
    """One line for the user: what is missing, or what failed."""


def installed(*names: str) -> str:
    """Return the first of `names` that is on PATH.

    Raises:
        EngineError: none is.
    """
    for name in names:
        if shutil.which(name):
            return name
    raise EngineError(f"want one of {', '.join(names)} on PATH, found none")


def build_command() -> list[str]:
    """Return the words of a build up to its options.

    The same input gives the same layers: the times of files are fixed, and buildah keeps the layers of stages as the
    others do.
    """
    own = shlex.split(os.environ.get(VARIABLE, ""))
    name = own[0] if own else installed(*ENGINES)
    if Path(name).name == "docker":
        # buildx reads SOURCE_DATE_EPOCH, which `environment` sets.
        return own or [name, "build"]
    return [*(own or [name, "build"]), "--timestamp", "0", "--layers"]


def environment() -> dict[str, str]:
    return os.environ | {"SOURCE_DATE_EPOCH": "0"}


def save(image: str, target: Path) -> None:
    """Write `image` as an OCI layout into the directory `target`, layers as a registry would get them.

    Raises:
        EngineError: there is no such image, or no engine.
    """
    engine = installed(*ENGINES)
    if engine == "docker":
        archive = target.with_suffix(".tar")
        run([engine, "save", "--output", str(archive), image])
        shutil.unpack_archive(archive, target, filter="data")
        archive.unlink()
    else:
        run([engine, "push", "--quiet", image, f"oci:{target}"])


def run(command: list[str]) -> str:
    """Run to the end and return what it printed.

    Raises:
        EngineError: it failed; the text ends with its last line on stderr.
    """
    if not shutil.which(command[0]):
        raise EngineError(f"want {command[0]} on PATH, found none; {VARIABLE} names another builder")
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
        raise EngineError(f"{shlex.join(command[:3])} ...: exit code {done.returncode}: {last}")
    return done.stdout

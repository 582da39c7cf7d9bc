"""An image as an OCI layout on disk, as `save` of engine.py writes it: its layers, their sizes, their files."""

from __future__ import annotations

import json
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What registries and builders use when nobody says otherwise.
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Layer:
    """`digest` is of the unpacked layer; sizes in bytes; `files` with their sizes, largest first."""

    digest: str
    compressed: int
    unpacked: int
    files: tuple[tuple[str, int], ...]


def read_layout(directory: Path) -> list[Layer]:
    """Return the layers of the one image in `directory`, lowest first."""
    manifest = _blob(directory, json.loads((directory / "index.json").read_bytes())["manifests"][0])
    diffs: list[str] = _blob(directory, manifest["config"])["rootfs"]["diff_ids"]
    return [_layer(_path(directory, entry), diff) for entry, diff in zip(manifest["layers"], diffs, strict=True)]


def _path(directory: Path, entry: dict[str, Any]) -> Path:
    return directory / "blobs" / str(entry["digest"]).replace(":", "/")


def _blob(directory: Path, entry: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_path(directory, entry).read_bytes())
    return document


def _layer(blob: Path, digest: str) -> Layer:
    with blob.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with tarfile.open(blob, "r:gz" if packed else "r:") as tar:
        files = sorted(((entry.name, entry.size) for entry in tar if entry.isfile()), key=lambda item: -item[1])
    # docker saves layers as they are unpacked: then this is what a push would make of them.
    compressed = blob.stat().st_size if packed else _deflated(blob)
    return Layer(digest, compressed, sum(size for _, size in files), tuple(files))


def _deflated(path: Path) -> int:
    packer = zlib.compressobj(_LEVEL, wbits=31)
    with path.open("rb") as file:
        return sum(len(packer.compress(piece)) for piece in iter(lambda: file.read(2**20), b"")) + len(packer.flush())

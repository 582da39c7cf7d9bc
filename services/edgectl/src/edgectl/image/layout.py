"""Writing an OCI layout: the same images give the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgectl.image.media import CONTAINERD_NAME, INDEX, MANIFEST, REF_NAME, Descriptor
from edgectl.image.store import INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT, Store, Tick
from edgectl.image.verified import pieces


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return JSON that is always the same: no spaces, the keys in the order in which they were put."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def described(data: bytes, media_type: str) -> Descriptor:
    """Return the descriptor of a blob that is in memory."""
    return Descriptor(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), media_type)


def index(images: Iterable[tuple[str, Descriptor]]) -> bytes:
    """Return index.json of images, each with its name: containerd and K3s import it under that name."""
    entries = []
    for name, manifest in images:
        # The whole name in both: podman, skopeo and containerd each read another of the two.
        named = {CONTAINERD_NAME: name, REF_NAME: name} if name else {}
        entries.append(Descriptor(manifest.digest, manifest.size, manifest.media_type or MANIFEST, named).as_dict())
    return encoded({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes into `directory`, which is new."""

    directory: Path

    @property
    def blobs(self) -> Path:
        return self.directory / "blobs" / "sha256"

    def begin(self) -> None:
        self.blobs.mkdir(parents=True)
        (self.directory / LAYOUT_FILE).write_bytes(LAYOUT_TEXT)

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Write a blob and return its descriptor."""
        blob = described(data, media_type)
        (self.blobs / blob.hex).write_bytes(data)
        return blob

    def copy(self, store: Store, blob: Descriptor, tick: Tick) -> None:
        """Copy a blob, held to its digest."""
        with (self.blobs / blob.hex).open("wb") as file:
            for piece in pieces(store, blob):
                file.write(piece)
                tick(len(piece))

    def end(self, name: str, manifest: Descriptor) -> None:
        (self.directory / INDEX_FILE).write_bytes(index([(name, manifest)]))

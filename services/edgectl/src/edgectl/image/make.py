"""A runtime and a bundle become an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_common.bundle import Bundle, read_bundle
from edge_common.bundlefiles import files
from edge_common.tomlfile import one_line
from edgectl.image.config import check_runtime, extended
from edgectl.image.documents import RootFs
from edgectl.image.image import Image
from edgectl.image.layer import Layer, write_layer
from edgectl.image.layout import Writer, encoded
from edgectl.image.media import CONFIG, MANIFEST, Descriptor
from edgectl.image.store import Tick
from edgectl.model.errors import ModelError

_BASE_DIGEST = "org.opencontainers.image.base.digest"


@dataclass(frozen=True, slots=True)
class Made:
    """An image that was written: its name, and what it is made of."""

    name: str
    manifest: Descriptor
    layer: Layer
    runtime: Image

    @property
    def size(self) -> int:
        return self.manifest.size + self.layer.descriptor.size + sum(each.size for each in self.runtime.layers)


def checked_bundle(path: Path, answers: bool) -> Bundle:
    """Return the bundle in the directory `path`; `answers` runs the graph on its golden samples, too.

    Raises:
        StartError: it is not as docs/bundle.md says, or answers otherwise than was recorded.
    """
    if not path.is_dir():
        raise ModelError(
            f"{path}: want a bundle directory, as `edgectl model convert` and `edgectl bundle create` write it"
        )
    if not answers:
        bundle = read_bundle(path)
        bundle.check_hash()
        files(bundle)
        return bundle
    from edgectl.bundle.check import check_bundle

    result = check_bundle(path)
    if result.differences:
        raise ModelError(
            f"{path}: {result.differences[0]}; `edgectl bundle check` says more, --no-answers builds it all the same"
        )
    # What may not be packed is told before a runtime is fetched for it.
    files(result.bundle)
    return result.bundle


def make(bundle: Bundle, runtime: Image, name: str, target: Path, tick: Tick) -> Made:
    """Write the image of `bundle` on `runtime` as an OCI layout into the new directory `target`.

    Raises:
        ModelError: `runtime` is none, or is damaged.
    """
    settings = runtime.settings()
    check_runtime(one_line(runtime.name) or runtime.store.where, settings)
    if len((settings.rootfs or RootFs()).diff_ids or ()) != len(runtime.layers):
        raise ModelError(
            f"{runtime.store.where}: want a diff_id for each of {len(runtime.layers)} layers, found another number"
        )
    writer = Writer(target)
    writer.begin()
    runtime.store.fetch(runtime.layers, tick)
    for blob in {blob.digest: blob for blob in runtime.layers}.values():
        writer.copy(runtime.store, blob, lambda _: None)
    fresh = target / "layer"
    layer = write_layer(bundle, fresh)
    fresh.rename(writer.blobs / layer.descriptor.hex)
    made = writer.put(encoded(extended(runtime.document(), bundle, layer.diff_id)), CONFIG)
    manifest = writer.put(encoded(_manifest(runtime, made, layer)), MANIFEST)
    writer.end(name, manifest)
    return Made(name, manifest, layer, runtime)


def _manifest(runtime: Image, config: Descriptor, layer: Layer) -> dict[str, Any]:
    layers = [*(each.as_oci() for each in runtime.layers), layer.descriptor]
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.as_dict(),
        "layers": [each.as_dict() for each in layers],
        "annotations": {_BASE_DIGEST: runtime.manifest.digest},
    }

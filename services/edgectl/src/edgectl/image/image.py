"""One image for one platform: its manifest, its configuration, its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_common.tomlfile import one_line
from edgectl.image.documents import Config, Manifest, decoded
from edgectl.image.media import INDEXES, MANIFESTS, Descriptor, descriptor
from edgectl.image.store import MAX_DOCUMENT_BYTES, Store, roots_of
from edgectl.image.verified import read_verified
from edgectl.model.errors import ModelError


@dataclass(frozen=True, slots=True)
class Image:
    """`name` is what its index calls it, "" when it does not; `layers` are in order, lowest first."""

    store: Store
    name: str
    manifest: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def blobs(self) -> list[Descriptor]:
        """Layers and configuration, each once: what a manifest names."""
        return list({blob.digest: blob for blob in (*self.layers, self.config)}.values())

    @property
    def size(self) -> int:
        """Bytes of all that a registry holds of it."""
        return self.manifest.size + sum(blob.size for blob in self.blobs)

    def settings(self) -> Config:
        """Return of the configuration what counts here."""
        return decoded(self._where(self.config), "an image's configuration", self._read(), Config)

    def document(self) -> dict[str, Any]:
        """Return all of the configuration; what counts here is as `settings` has it."""
        return decoded(self._where(self.config), "an image's configuration", self._read(), dict[str, Any])

    def platform(self) -> str:
        """Return "os/architecture"."""
        config = self.settings()
        return f"{config.os}/{config.architecture}"

    def _read(self) -> bytes:
        return read_document(self.store, self.config)

    def _where(self, blob: Descriptor) -> str:
        return f"{self.store.where}: {blob.digest}"


def read_document(store: Store, blob: Descriptor) -> bytes:
    """Return the bytes of an index, a manifest or a configuration, held to digest and size."""
    if blob.size > MAX_DOCUMENT_BYTES:
        raise ModelError(f"{store.where}: {blob.digest}: want a document up to {MAX_DOCUMENT_BYTES} bytes, found more")
    return read_verified(store, blob)


def read_image(store: Store, *, tag: str = "", platform: str = "") -> Image:
    """Return the image `tag` of a store (the only one when not given), for `platform` ("os/arch") where it has several.

    Raises:
        ModelError: there is none, or more than one; or it is broken.
    """
    root = _chosen(store, store.roots(), tag)
    manifest = _on(store, root, platform) if root.media_type in INDEXES else root
    if manifest.media_type not in MANIFESTS:
        found = one_line(manifest.media_type)[:80] or "no media type"
        raise ModelError(f"{store.where}: want the manifest of an image, found {found}")
    where = f"{store.where}: {manifest.digest}"
    document = decoded(where, "an image's manifest", read_document(store, manifest), Manifest)
    layers = tuple(descriptor(where, entry) for entry in document.layers or ())
    image = Image(store, root.name, manifest, descriptor(where, document.config), layers)
    store.fetch([image.config], lambda _: None)
    if platform and image.platform() != platform:
        raise ModelError(f"{store.where}: want an image for {platform}, found one for {image.platform()}")
    return image


def _chosen(store: Store, roots: Sequence[Descriptor], tag: str) -> Descriptor:
    found = [root for root in roots if not tag or tag in (root.name, root.name.rpartition(":")[2])]
    if len(found) == 1:
        return found[0]
    names = _listed(root.name or root.digest[:19] for root in roots)
    wanted = f"the image {tag!r}" if tag else "one image, or its tag after a colon"
    raise ModelError(f"{store.where}: want {wanted}, found {names}")


def _on(store: Store, root: Descriptor, platform: str) -> Descriptor:
    entries = roots_of(store.where, read_document(store, root))
    # Builders put what attests a build beside it, as images for no platform.
    real = [entry for entry in entries if entry.platform != "unknown/unknown"]
    found = [entry for entry in real if platform in ("", entry.platform)]
    if len(found) == 1:
        return found[0]
    names = _listed(entry.platform or "?" for entry in real)
    raise ModelError(f"{store.where}: want one platform with --platform, such as linux/amd64; found {names}")


def _listed(names: Iterable[str]) -> str:
    """Return what there is to choose from; whoever made the image chose the names."""
    return one_line(", ".join(sorted(names)))[:500] or "none"

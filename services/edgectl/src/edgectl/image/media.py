"""The media types of images, and a descriptor: what one document says of another blob."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgectl.image.documents import Entry
from edgectl.model.errors import ModelError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEXES = frozenset({INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"})
MANIFESTS = frozenset({MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"})
# Docker's names of the same bytes: an OCI manifest may only name OCI's.
_AS_OCI = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}
# The name of an image in an index: the first for containerd, the second is OCI's.
CONTAINERD_NAME, REF_NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"
# Digests become file names and addresses, so nothing else may pass.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob by its digest ("sha256:..."), size in bytes and kind; `platform` is "os/architecture", "" unless told."""

    digest: str
    size: int
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""

    @property
    def hex(self) -> str:
        return self.digest.removeprefix("sha256:")

    @property
    def name(self) -> str:
        """The image's name in an index, "" when it has none."""
        return self.annotations.get(CONTAINERD_NAME) or self.annotations.get(REF_NAME, "")

    def as_dict(self) -> dict[str, Any]:
        """Return it as a manifest or an index has it."""
        named = {"annotations": dict(self.annotations)} if self.annotations else {}
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **named}

    def as_oci(self) -> Descriptor:
        return Descriptor(self.digest, self.size, _AS_OCI.get(self.media_type, self.media_type))


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def descriptor(where: str, entry: Entry) -> Descriptor:
    """Return what `entry` says, which came from the image `where`.

    Raises:
        ModelError: its digest or size can be none.
    """
    if not is_digest(entry.digest):
        raise ModelError(f"{where}: want digests of the form sha256:HEX, found {entry.digest!r:.80}")
    if entry.size < 0:
        raise ModelError(f"{where}: {entry.digest}: want a size, found {entry.size}")
    told = f"{entry.platform.os}/{entry.platform.architecture}" if entry.platform else ""
    return Descriptor(entry.digest, entry.size, entry.media_type or "", entry.annotations or {}, told)

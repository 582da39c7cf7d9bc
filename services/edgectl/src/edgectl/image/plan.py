"""What a push has to send: the registry is asked for every blob before anything goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgectl.image.client import Refused
from edgectl.image.image import Image
from edgectl.image.media import MANIFEST, Descriptor
from edgectl.image.reference import Reference
from edgectl.image.registry import Registry

SEND, THERE, LINK = "send", "there", "link"


@dataclass(frozen=True, slots=True)
class Row:
    """One blob, and what is to be done: `send` it, nothing (`there`), or `link` it from the repository `source`."""

    blob: Descriptor
    kind: str
    action: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`rows` begin with the lowest layer and end with the manifest."""

    rows: tuple[Row, ...]

    @property
    def bytes(self) -> int:
        """What will cross the uplink, without HTTP's own words."""
        return sum(row.blob.size for row in self.rows if row.action == SEND)

    @property
    def size(self) -> int:
        return sum(row.blob.size for row in self.rows)

    def facts(self) -> Mapping[str, Any]:
        blobs = [
            {"digest": row.blob.digest, "kind": row.kind, "size": row.blob.size, "action": row.action}
            for row in self.rows
        ]
        return {"bytes_to_send": self.bytes, "size": self.size, "blobs": blobs}


def plan(image: Image, registry: Registry, to: Reference, neighbours: Sequence[str]) -> Plan:
    """Ask the registry what it has of `image`; `neighbours` are repositories there that may have a layer, too.

    Raises:
        ModelError: the registry does not answer, or refuses to.
    """
    rows = [_row(blob, "layer", registry, neighbours) for blob in image.blobs if blob != image.config]
    rows.append(_row(image.config, "config", registry, ()))
    there = all(row.action == THERE for row in rows) and _is_tagged(image, registry, to)
    return Plan((*rows, Row(image.manifest, "manifest", THERE if there else SEND)))


def _row(blob: Descriptor, kind: str, registry: Registry, neighbours: Sequence[str]) -> Row:
    if _has(registry, blob):
        return Row(blob, kind, THERE)
    for name in neighbours:
        if _has(replace(registry, repository=name, pushes=False), blob, quiet=True):
            return Row(blob, kind, LINK, name)
    return Row(blob, kind, SEND)


def _has(registry: Registry, blob: Descriptor, quiet: bool = False) -> bool:
    # A neighbour is asked on the chance: one that we may not read has nothing for us.
    nothing = (404, 401, 403) if quiet else (404,)
    try:
        registry.ask("HEAD", registry.url(f"blobs/{blob.digest}"), want=(200,))
    except Refused as exc:
        if exc.status in nothing:
            return False
        raise
    return True


def _is_tagged(image: Image, registry: Registry, to: Reference) -> bool:
    headers = {"Accept": image.manifest.media_type or MANIFEST}
    reply = registry.ask("HEAD", registry.url(f"manifests/{to.tag}"), want=(200, 404), headers=headers)
    return reply.headers.get("Docker-Content-Digest") == image.manifest.digest

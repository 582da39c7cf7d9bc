"""A plan becomes true: links, blobs, and at last the manifest, so that nobody pulls half an image."""

from __future__ import annotations

from edgectl.image.image import Image, read_document
from edgectl.image.media import MANIFEST
from edgectl.image.plan import LINK, SEND, Plan
from edgectl.image.reference import Reference
from edgectl.image.store import Tick
from edgectl.image.upload import Uploader
from edgectl.image.verified import pieces


def send(plan: Plan, image: Image, uploader: Uploader, to: Reference, tick: Tick) -> int:
    """Do what `plan` says; return the bytes that went out, those of a second try too.

    Raises:
        ModelError: a blob is damaged here, or the registry refuses one.
    """
    *blobs, manifest = plan.rows
    sent = 0
    for row in blobs:
        if row.action == LINK and uploader.mount(row.blob, row.source):
            continue
        if row.action in (LINK, SEND):
            # Read once before: what is damaged must not cost the uplink first.
            for _ in pieces(image.store, row.blob):
                pass
            sent += uploader.send(image.store, row.blob, tick)
    if manifest.action == SEND:
        sent += _tag(image, uploader, to, tick)
    return sent


def _tag(image: Image, uploader: Uploader, to: Reference, tick: Tick) -> int:
    document = read_document(image.store, image.manifest)
    registry = uploader.registry
    headers = {"Content-Type": image.manifest.media_type or MANIFEST}
    registry.ask("PUT", registry.url(f"manifests/{to.tag}"), want=(201,), headers=headers, body=document)
    tick(len(document))
    return len(document)

"""Blobs that are what their digest says, or an error."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from edgectl.image.media import Descriptor
from edgectl.image.store import Store
from edgectl.model.errors import ModelError

_READ = 1 << 20


def read_verified(store: Store, blob: Descriptor) -> bytes:
    """Return a small blob's bytes.

    Raises:
        ModelError: they are not what the digest says.
    """
    return b"".join(pieces(store, blob))


def pieces(store: Store, blob: Descriptor) -> Iterator[bytes]:
    """Yield a blob; after the last piece raise ModelError unless size and digest are the descriptor's."""
    seen, left = hashlib.sha256(), blob.size
    with store.open(blob) as file:
        # One byte more than there should be tells a blob that is too long.
        while piece := file.read(min(_READ, left + 1)):
            seen.update(piece)
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left or f"sha256:{seen.hexdigest()}" != blob.digest:
        raise ModelError(
            f"{store.where}: {blob.digest} is damaged: its content is not what its name says; fetch it again"
        )

"""The one layer of a bundle: the same bytes wherever and whenever it is made."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_common.bundle import Bundle
from edge_common.bundlefiles import files
from edgectl.image import tarbytes
from edgectl.image.media import LAYER, Descriptor

FOLDER = Path("model")
# As registries and builders have it when nobody says otherwise: gzip's wrapper, without a name and a time.
_LEVEL, _GZIP = 6, 31
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """A packed layer; `diff_id` is the digest of the tar in it."""

    descriptor: Descriptor
    diff_id: str


def write_layer(bundle: Bundle, target: Path) -> Layer:
    """Write the bundle's files as /model/... into the gzipped tar `target`.

    The tar is, byte by byte, what buildah and podman make of model.Dockerfile: a gateway has one layer from either.
    """
    plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    with target.open("wb") as out:
        for piece in _gzipped(_tar(bundle), plain):
            packed.update(piece)
            size += out.write(piece)
    return Layer(Descriptor(f"sha256:{packed.hexdigest()}", size, LAYER), f"sha256:{plain.hexdigest()}")


def _gzipped(pieces: Iterable[bytes], plain: hashlib._Hash) -> Iterator[bytes]:
    press = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in pieces:
        plain.update(piece)
        yield press.compress(piece)
    yield press.flush()


def _tar(bundle: Bundle) -> Iterator[bytes]:
    names = files(bundle)
    folders = {FOLDER / parent for name in names for parent in name.parents}
    for name in sorted(folders | {FOLDER / name for name in names}):
        if name in folders:
            yield tarbytes.header(name.as_posix(), 0, folder=True)
            continue
        path = bundle.directory / name.relative_to(FOLDER)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            yield from tarbytes.entry(name.as_posix(), size, iter(partial(file.read, _READ), b""))
    yield tarbytes.END

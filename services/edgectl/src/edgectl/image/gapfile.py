"""The air-gap file: an OCI archive that containerd and K3s import as it is, with charts, values and sums beside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from edge_common.tomlfile import read_bytes
from edgectl.image import tarbytes
from edgectl.image.gap import DESCRIPTION, SCHEMA, Earlier, Gap, GapImage, sums
from edgectl.image.image import Image
from edgectl.image.layout import index
from edgectl.image.media import Descriptor
from edgectl.image.releases import Release
from edgectl.image.store import INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT, MAX_DOCUMENT_BYTES, Tick
from edgectl.image.verified import pieces

SUMS, LEFT_OUT, APPLY = "SHA256SUMS", "LEFT_OUT", "apply.sh"


@dataclass(frozen=True, slots=True)
class Named:
    """An image and the name under which a gateway shall find it."""

    name: str
    image: Image


@dataclass(frozen=True, slots=True)
class Contents:
    """All that goes into one file: `extras` are small files by their path, `earlier` what the gateway has."""

    images: Sequence[Named]
    platform: str
    extras: Mapping[str, bytes]
    earlier: Earlier | None = None

    def gap(self) -> Gap:
        blobs = dict(sorted((blob.digest, blob.size) for blob, _ in self._all()))
        left = tuple(sorted(blob.digest for blob, named in self._all() if not self._carries(blob, named)))
        own = tuple(GapImage(each.name, each.image.manifest.digest, each.image.size) for each in self.images)
        since = self.earlier.gap.digest if self.earlier else ""
        return Gap(SCHEMA, self.platform, since, own, blobs, tuple(dict.fromkeys(left)))

    def carried(self) -> dict[str, tuple[Descriptor, Image]]:
        """Return the blobs that the file has, by digest, sorted, each with an image that has it: best on this disk."""
        found: dict[str, tuple[Descriptor, Image]] = {}
        for blob, each in self._all():
            if self._carries(blob, each) and (blob.digest not in found or not each.image.store.far([blob])):
                found[blob.digest] = (blob, each.image)
        return dict(sorted(found.items()))

    def dropped(self) -> list[str]:
        """Return the images of the earlier file that this one has not: it takes that one's place, whole."""
        had = {each.name for each in self.earlier.gap.images} if self.earlier else set()
        return sorted(had - {each.name for each in self.images})

    def _all(self) -> Iterator[tuple[Descriptor, Named]]:
        for each in self.images:
            for blob in (each.image.manifest, *each.image.blobs):
                yield blob, each

    def _carries(self, blob: Descriptor, named: Named) -> bool:
        """Manifests and configurations always go along: they are small, and an import begins with reading them."""
        small = blob in (named.image.manifest, named.image.config)
        return small or self.earlier is None or not self.earlier.has(blob.digest)


def value_files(found: Sequence[Release], manifests: Path, charts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return charts, the manifests that name them, and each release's values for helm on the command line."""
    return {
        **{f"charts/{name}": data for name, data in charts.items()},
        **{f"manifests/{path.name}": read_bytes(path, MAX_DOCUMENT_BYTES) for path in sorted(manifests.glob("*.yaml"))},
        **{f"values/{release.name}.yaml": release.values.encode() for release in found},
    }


def file_size(contents: Contents) -> int:
    """Return the bytes of the file that `write` makes."""
    gap, blobs = contents.gap(), contents.carried()
    small = _small(contents, gap)
    sizes = [len(data) for data in {SUMS: _sums(small, blobs), **small}.values()]
    return sum(map(tarbytes.size_of, [*sizes, *(blob.size for blob, _ in blobs.values())])) + len(tarbytes.END)


def write(contents: Contents, target: Path, tick: Tick) -> None:
    """Write the file; the sums come first, so that a file that was cut off has them.

    Raises:
        ModelError: a blob is not what its digest says.
    """
    gap, blobs = contents.gap(), contents.carried()
    small = _small(contents, gap)
    with target.open("wb") as out:
        for name, data in {SUMS: _sums(small, blobs), **small}.items():
            out.writelines(tarbytes.entry(name, len(data), [data], program=name == APPLY))
        for blob, image in blobs.values():
            for piece in tarbytes.entry(f"blobs/sha256/{blob.hex}", blob.size, pieces(image.store, blob)):
                out.write(piece)
                tick(len(piece))
        out.write(tarbytes.END)


def _sums(small: Mapping[str, bytes], blobs: Mapping[str, tuple[Descriptor, Image]]) -> bytes:
    listed = [(name, hashlib.sha256(data).hexdigest()) for name, data in small.items()]
    return sums([*listed, *((f"blobs/sha256/{blob.hex}", blob.hex) for blob, _ in blobs.values())])


def _small(contents: Contents, gap: Gap) -> dict[str, bytes]:
    left = sums((f"blobs/sha256/{each.removeprefix('sha256:')}", each.removeprefix("sha256:")) for each in gap.left_out)
    return {
        DESCRIPTION: gap.encoded(),
        LEFT_OUT: left,
        APPLY: (files("edgectl.image") / APPLY).read_bytes(),
        LAYOUT_FILE: LAYOUT_TEXT,
        INDEX_FILE: index((each.name, each.image.manifest) for each in contents.images),
        **contents.extras,
    }

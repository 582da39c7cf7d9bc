"""What an air-gap file says of itself: its images, every blob they need, and which of them it leaves out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_common.tomlfile import read_bytes
from edgectl.image.documents import decoded
from edgectl.image.media import is_digest
from edgectl.image.store import MAX_DOCUMENT_BYTES, open_archive
from edgectl.model.errors import ModelError

DESCRIPTION = "airgap.json"
SCHEMA = 1
_SUM = re.compile(r"[0-9a-f]{64}")


class GapImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image by the name under which it is imported, its manifest's digest, and its bytes with all layers."""

    name: str
    digest: str
    size: int


class Gap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`blobs` is digest -> bytes of all that the images need; `left_out` are those that the file `since` brought.

    `since` is the SHA-256 of that file's description, "" for a file that is whole.
    """

    schema: int
    platform: str
    since: str
    images: tuple[GapImage, ...]
    blobs: dict[str, int]
    left_out: tuple[str, ...]

    def encoded(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=1) + b"\n"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.encoded()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the blobs that are in the file."""
        return sum(size for digest, size in self.blobs.items() if digest not in self.left_out)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The file that a gateway was given before."""

    path: Path
    gap: Gap

    def has(self, digest: str) -> bool:
        return digest in self.gap.blobs


def read_gap(path: Path) -> Gap:
    """Return the description in an air-gap file; `path` may also be the description alone (airgap.json).

    Raises:
        ModelError: it is neither.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise ModelError(f"{path}: want an air-gap file, or {DESCRIPTION} out of one; found {found}")
    data = read_bytes(path, MAX_DOCUMENT_BYTES) if path.suffix == ".json" else _out_of(path)
    return parsed_gap(str(path), data)


def parsed_gap(where: str, data: bytes) -> Gap:
    """Return a description."""
    gap = decoded(where, f"{DESCRIPTION} of an air-gap file", data, Gap)
    if gap.schema != SCHEMA:
        raise ModelError(f"{where}: schema: want {SCHEMA}, found {gap.schema}; another version of edgectl wrote it")
    if wrong := next((each for each in (*gap.blobs, *gap.left_out) if not is_digest(each)), None):
        raise ModelError(f"{where}: want digests of the form sha256:HEX, found {wrong!r:.80}")
    return gap


def _out_of(path: Path) -> bytes:
    # What is wrong with it as an image's archive is not what the person asked.
    with suppress(ModelError):
        archive = open_archive(path)
        with archive.tar:
            return archive.read(DESCRIPTION)
    raise ModelError(
        f"{path}: want an air-gap file, as `edgectl image airgap` writes it, or {DESCRIPTION} out of one; "
        "found another file, or one cut off"
    )


def sums(entries: Iterable[tuple[str, str]]) -> bytes:
    """Return what `sha256sum --check` reads, of names and digests in hexadecimal."""
    return "".join(f"{digest}  {name}\n" for name, digest in entries).encode()


def read_sums(where: str, data: bytes) -> dict[str, str]:
    """Return names and digests of what `sums` or sha256sum wrote.

    Raises:
        ModelError: it is something else.
    """
    try:
        lines = [line.split("  ", 1) for line in data.decode().splitlines()]
        found = {name: digest for digest, name in lines}
    except ValueError:
        found = {"": ""}
    if not all(name and _SUM.fullmatch(digest) for name, digest in found.items()):
        raise ModelError(f"{where}: want lines as sha256sum writes them: damaged; carry it again")
    return found

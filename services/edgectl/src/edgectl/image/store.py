"""Where blobs are: in a directory or an archive of the OCI layout. A registry is a third place (remote.py)."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from edge_common.tomlfile import read_bytes
from edgectl.image.documents import Index, decoded
from edgectl.image.media import Descriptor, descriptor
from edgectl.model.errors import ModelError

# An index or a manifest: registries refuse more than this, too.
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
INDEX_FILE = "index.json"
LAYOUT_FILE = "oci-layout"
LAYOUT_TEXT = b'{"imageLayoutVersion":"1.0.0"}'
# Told how many bytes more are done.
Tick = Callable[[int], None]


class Store(Protocol):
    """Blobs by digest, and the images that are named there. What is read is as it was found: nobody has checked it."""

    @property
    def where(self) -> str: ...

    def roots(self) -> Sequence[Descriptor]:
        """Return the images (or indexes of images) that are here."""

    def open(self, blob: Descriptor) -> IO[bytes]:
        """Open a blob to read; the caller closes it.

        Raises:
            ModelError: it is not here.
        """

    def far(self, blobs: Iterable[Descriptor]) -> list[Descriptor]:
        """Return those that have to come over a network first."""

    def fetch(self, blobs: Iterable[Descriptor], tick: Tick) -> None:
        """Bring them here, so that `open` need not wait."""


class Near:
    """A store on this disk: nothing is far."""

    def far(self, blobs: Iterable[Descriptor]) -> list[Descriptor]:  # noqa: ARG002 - as the protocol has it
        return []

    def fetch(self, blobs: Iterable[Descriptor], tick: Tick) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Directory(Near):
    """The OCI layout in a directory."""

    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def roots(self) -> Sequence[Descriptor]:
        return roots_of(self.where, read_bytes(self.path / INDEX_FILE, MAX_DOCUMENT_BYTES))

    def open(self, blob: Descriptor) -> IO[bytes]:
        try:
            return (self.path / "blobs" / "sha256" / blob.hex).open("rb")
        except OSError as exc:
            raise ModelError(f"{self.path}: {blob.digest}: {(exc.strerror or '').lower()}") from None


@dataclass(frozen=True, slots=True)
class Archive(Near):
    """The OCI layout in a tar, as `buildah push ... oci-archive:FILE` and `podman save --format oci-archive` do."""

    path: Path
    tar: tarfile.TarFile

    @property
    def where(self) -> str:
        return str(self.path)

    def roots(self) -> Sequence[Descriptor]:
        return roots_of(self.where, self.read(INDEX_FILE))

    def open(self, blob: Descriptor) -> IO[bytes]:
        return self.member(f"blobs/sha256/{blob.hex}")

    def read(self, name: str) -> bytes:
        with self.member(name) as file:
            return file.read(MAX_DOCUMENT_BYTES)

    def member(self, name: str) -> IO[bytes]:
        for spelt in (name, f"./{name}"):
            try:
                found = self.tar.extractfile(spelt)
            except KeyError:
                continue
            except (OSError, tarfile.TarError, RecursionError) as exc:
                # A link in a tar may lead to itself.
                raise ModelError(f"{self.path}: {name}: cannot be read: {exc}; fetch the file again") from None
            if found is not None:
                return found
        raise ModelError(f"{self.path}: want {name} in it, found none; a file that was cut off, or no OCI archive")


def open_archive(path: Path) -> Archive:
    """Open an archive; the caller closes its `tar`.

    Raises:
        ModelError: it is none, or one of another kind.
    """
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115 - open as long as the store
        names = {name.removeprefix("./") for name in tar.getnames()}
    except (OSError, tarfile.TarError) as exc:
        raise ModelError(f"{path}: want an OCI archive (an uncompressed tar): {str(exc).lower()}") from None
    if INDEX_FILE not in names:
        tar.close()
        kind = "docker's own kind" if "manifest.json" in names else "neither"
        raise ModelError(
            f"{path}: want an OCI archive with {INDEX_FILE}, found {kind}; write one with "
            "`podman save --format oci-archive` or `buildah push NAME oci-archive:FILE`"
        )
    return Archive(path, tar)


def roots_of(where: str, document: bytes) -> list[Descriptor]:
    """Return the descriptors of an index."""
    index = decoded(where, "an index of images", document, Index)
    return [descriptor(where, entry) for entry in index.manifests or ()]

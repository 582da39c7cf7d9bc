"""An image in a registry as a store: blobs come by digest into a folder here, going on where a cut left them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from edgectl.image.client import Cut, Reply
from edgectl.image.media import INDEXES, MANIFESTS, Descriptor
from edgectl.image.reference import Reference
from edgectl.image.registry import Registry
from edgectl.image.store import Tick
from edgectl.model.errors import ModelError
from edgectl.model.scratch import filling_scratch

# Tries in a row that bring nothing, with 1, 2, 4 ... seconds between: half a minute.
TRIES = 5
_READ = 1 << 20
_ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))


@dataclass(frozen=True, slots=True)
class Remote:
    """`folder` is where fetched blobs are kept, each under its digest."""

    registry: Registry
    reference: Reference
    folder: Path
    pause: Callable[[float], None] = field(default=time.sleep)

    @property
    def where(self) -> str:
        return str(self.reference)

    def roots(self) -> Sequence[Descriptor]:
        """Ask for the manifest and keep it, under the digest of what came: a tag says nothing of it."""
        url = self.registry.url(f"manifests/{self.reference.wanted}")
        reply = self.registry.ask("GET", url, want=(200,), headers={"Accept": _ACCEPT})
        data = reply.data
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if self.reference.digest and digest != self.reference.digest:
            raise ModelError(f"{self.where}: the registry's manifest is another one, {digest}")
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip()
        name = str(Reference(self.reference.host, self.reference.repository, self.reference.tag))
        root = Descriptor(digest, len(data), kind, {"org.opencontainers.image.ref.name": name})
        with filling_scratch():
            (self.folder / root.hex).write_bytes(data)
        return [root]

    def open(self, blob: Descriptor) -> IO[bytes]:
        """Open a blob; one that is not here yet is fetched first."""
        self.fetch([blob], lambda _: None)
        return (self.folder / blob.hex).open("rb")

    def far(self, blobs: Iterable[Descriptor]) -> list[Descriptor]:
        return [blob for blob in blobs if not (self.folder / blob.hex).exists()]

    def fetch(self, blobs: Iterable[Descriptor], tick: Tick) -> None:
        for blob in self.far(blobs):
            part = self.folder / f"{blob.hex}.part"
            with filling_scratch():
                part.touch()
            if blob.size:
                self._whole(blob, part, tick)
            part.rename(self.folder / blob.hex)

    def _whole(self, blob: Descriptor, part: Path, tick: Tick) -> None:
        tries = best = 0
        while True:
            try:
                return self._more(blob, part, tick)
            except Cut as exc:
                # Only what was not there before is progress: an answer may begin again, and end sooner.
                had = part.stat().st_size
                tries, best = (1, had) if had > best else (tries + 1, best)
                if tries >= TRIES:
                    raise ModelError(f"{self.where}: {blob.digest}: {exc}; run it again") from None
                self.pause(2.0 ** (tries - 1))

    def _more(self, blob: Descriptor, part: Path, tick: Tick) -> None:
        """Fetch what is missing; the answer to a range may be the whole blob.

        Raises:
            Cut: it broke off; what came is kept.
        """
        from urllib3.exceptions import HTTPError

        had = part.stat().st_size
        kind = "manifests" if blob.media_type in INDEXES | MANIFESTS else "blobs"
        asked = {"Accept": blob.media_type} if kind == "manifests" else {"Range": f"bytes={had}-"} if had else {}
        url = self.registry.url(f"{kind}/{blob.digest}")
        reply = self.registry.ask("GET", url, want=(200, 206), headers=asked, stream=True, again=False)
        if reply.status == 200 and had:
            tick(-had)
        try:
            with filling_scratch():
                self._pour(reply, blob, part, tick)
        except HTTPError as exc:
            raise Cut(f"broke off: {' '.join(str(exc).split())[:200]}") from None

    def _pour(self, reply: Reply, blob: Descriptor, part: Path, tick: Tick) -> None:
        assert reply.body is not None
        try:
            with part.open("ab" if reply.status == 206 else "wb") as file:
                for piece in reply.body.stream(_READ, decode_content=False):
                    if file.tell() + len(piece) > blob.size:
                        raise ModelError(f"{self.where}: {blob.digest}: want {blob.size} bytes, found more")
                    file.write(piece)
                    tick(len(piece))
                if file.tell() < blob.size:
                    raise Cut(f"the answer was shorter than {blob.size} bytes")
        finally:
            reply.body.close()

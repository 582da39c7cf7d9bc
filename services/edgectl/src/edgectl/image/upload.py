"""One blob to a registry, in pieces, going on after a cut from where the registry says that it is."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from edgectl.image.client import Cut, Refused
from edgectl.image.kept import Kept
from edgectl.image.media import Descriptor
from edgectl.image.registry import Registry
from edgectl.image.store import Store, Tick
from edgectl.model.errors import ModelError

# What a registry that keeps only whole pieces (or a proxy that buffers them) can lose, and few enough round trips.
PIECE = 8 * 1024 * 1024
# Tries in a row that bring nothing, with 1, 2, 4 ... up to LONGEST_S seconds between: two minutes in all.
TRIES = 8
LONGEST_S = 60.0
# An upload that the registry no longer knows, or that has become another blob, is begun again so often.
REFUSALS = 3
_GONE = (400, 404, 410)
# Another offset, or a token that has expired meanwhile: asking tells the one, and gets a new one of the other.
_ASK = (401, 416)
# Of more digits than any blob has bytes.
_NUMBER = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(rf"(?:bytes=)?0-({_NUMBER.pattern})")


@dataclass(slots=True)
class Upload:
    """Where one upload is: its address, how many bytes the registry has, how large a piece it wants at least."""

    url: str
    offset: int
    piece: int


@dataclass(slots=True)
class Shown:
    """What the progress bar shows; it goes back when bytes have to be sent again. `sent` counts each time."""

    tick: Tick
    position: int = 0
    sent: int = 0

    def to(self, position: int) -> None:
        self.tick(position - self.position)
        self.position = position

    def more(self, count: int) -> None:
        self.sent += count
        self.to(self.position + count)


@dataclass(frozen=True, slots=True)
class Uploader:
    """Sends blobs to one repository. `kept` remembers addresses of uploads for a later run; `pause` waits seconds."""

    registry: Registry
    kept: Kept
    piece: int = PIECE
    pause: Callable[[float], None] = time.sleep

    def send(self, store: Store, blob: Descriptor, tick: Tick) -> int:
        """Bring `blob` to the registry; return how many bytes went out for it, those that went twice too.

        Raises:
            ModelError: the registry refuses it, or stayed away.
        """
        at: Upload | None = None
        shown, looked = Shown(tick), False
        tries = refusals = best = 0
        while True:
            try:
                if not looked:
                    at, looked = self._last(blob), True
                at = at or self._begin(blob)
                self._pieces(store, blob, at, shown)
                self._finish(blob, at)
                return shown.sent
            except (Cut, Refused) as exc:
                if at is not None and at.offset > best:
                    tries, refusals, best = 0, 0, at.offset
                tries, refusals = tries + isinstance(exc, Cut), refusals + isinstance(exc, Refused)
                at = self._after(exc, at, tries, refusals)

    def mount(self, blob: Descriptor, repository: str) -> bool:
        """Ask for a blob that another repository there has; False when it has to be sent after all."""
        url = self.registry.url("blobs/uploads/", mount=blob.digest, **{"from": repository})
        reply = self.registry.ask("POST", url, want=(201, 202))
        return reply.status == 201

    def _after(self, exc: Cut | Refused, at: Upload | None, tries: int, refusals: int) -> Upload | None:
        """Return where to go on after what happened, None for the beginning; raise when that would be no use."""
        if isinstance(exc, Cut):
            self._wait(tries, exc)
            return self._resumed(at)
        if exc.status not in (*_GONE, *_ASK) or refusals > REFUSALS:
            raise exc
        return self._resumed(at) if exc.status in _ASK else None

    def _begin(self, blob: Descriptor) -> Upload:
        url = self.registry.url("blobs/uploads/")
        reply = self.registry.ask("POST", url, want=(202,))
        least = reply.headers.get("OCI-Chunk-Min-Length", "")
        at = Upload(self.registry.follow(reply, url), 0, max(self.piece, int(least) if _NUMBER.fullmatch(least) else 0))
        self.kept.keep(self.registry, blob, at.url)
        return at

    def _pieces(self, store: Store, blob: Descriptor, at: Upload, shown: Shown) -> None:
        shown.to(at.offset)
        while at.offset < blob.size:
            size = min(at.piece, blob.size - at.offset)
            end = at.offset + size
            with store.open(blob) as file:
                file.seek(at.offset)
                headers = {
                    "Content-Type": "application/octet-stream", "Content-Length": str(size),
                    "Content-Range": f"{at.offset}-{end - 1}",
                }  # fmt: skip
                body = Piece(file, size, shown.more)
                reply = self.registry.ask("PATCH", at.url, want=(202,), headers=headers, body=body)  # type: ignore[arg-type]
            at.url, at.offset = self.registry.follow(reply, at.url), end
            self.kept.keep(self.registry, blob, at.url)

    def _finish(self, blob: Descriptor, at: Upload) -> None:
        url = f"{at.url}{'&' if '?' in at.url else '?'}digest={blob.digest}"
        self.registry.ask("PUT", url, want=(201,), headers={"Content-Length": "0"})
        self.kept.forget(self.registry, blob)

    def _wait(self, tries: int, exc: Cut) -> None:
        if tries >= TRIES:
            raise ModelError(
                f"{exc}; {tries} tries in a row brought nothing; run it again, it goes on from there"
            ) from None
        self.pause(min(2.0 ** (tries - 1), LONGEST_S))

    def _last(self, blob: Descriptor) -> Upload | None:
        url = self.kept.url(self.registry, blob)
        return self._asked(url, self.piece) if url else None

    def _resumed(self, at: Upload | None) -> Upload | None:
        """Ask the registry how far the upload has come; None when it has to begin again."""
        if at is None:
            return None
        try:
            return self._asked(at.url, at.piece)
        except Cut:
            # Still away: the next piece finds out, and after it there is another wait.
            return at

    def _asked(self, url: str, piece: int) -> Upload | None:
        try:
            reply = self.registry.ask("GET", url, want=(204,), again=False)
        except Refused:
            return None
        told = _RANGE.fullmatch(reply.headers.get("Range", ""))
        # "0-0" is said of nothing and of one byte alike: were it one, the next piece is refused, and all begins anew.
        end = int(told[1]) if told else 0
        return Upload(self.registry.follow(reply, url), end + 1 if end else 0, piece)


class Piece:
    """A part of a file as the body of one request; tells of the bytes as they go."""

    def __init__(self, file: IO[bytes], size: int, tick: Tick) -> None:
        self._file, self.left, self._tick = file, size, tick

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        self._tick(len(data))
        return data

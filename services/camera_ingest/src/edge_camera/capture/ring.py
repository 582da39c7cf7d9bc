"""Three slots of pixels in memory that two processes share; the newest whole frame is read, and nobody waits.

A slot is used under a record lock (fcntl) of its own, taken without waiting. The kernel drops the locks of a process
that dies, and its lock calls order memory on every machine, which plain stores to shared memory do not (ARM).
A memfd has no name: nothing stays behind, even when both sides are killed.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from edge_camera.frame import Pixels, Stamp

# One that is read, one that is the newest, one that is written.
SLOTS = 3
MAX_SIDE = 16_384
_PAGE = 4096
_TRIES = 3
# Sequence number + 1 (0: nothing whole in here), monotonic, wall, clock_synced; pixels begin at the next page.
_HEAD = struct.Struct("<Qdd?")
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class RingError(Exception):
    """The shared memory is not what was announced."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A frame's own copy of its pixels, and its head."""

    seq: int
    stamp: Stamp
    pixels: Pixels


class _Ring:
    def __init__(self, fd: int, width: int, height: int, prot: int) -> None:
        self.fd, self.width, self.height = fd, width, height
        self._map = mmap.mmap(fd, ring_bytes(width, height), prot=prot)

    def _view(self, slot: int) -> Pixels:
        count = self.width * self.height * 3
        flat = np.frombuffer(self._map, np.uint8, count, slot * _stride(self.width, self.height) + _PAGE)
        return flat.reshape(self.height, self.width, 3)

    def _head(self, slot: int) -> tuple[int, float, float, bool]:
        seq, monotonic, wall, synced = _HEAD.unpack_from(self._map, slot * _stride(self.width, self.height))
        return int(seq), float(monotonic), float(wall), bool(synced)

    def _lock(self, slot: int, how: int) -> bool:
        try:
            fcntl.lockf(self.fd, how | fcntl.LOCK_NB, 1, slot)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(self, slot: int) -> None:
        fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, slot)

    def close(self) -> None:
        """Let go of the memory; the kernel frees it once the other side has, too."""
        # A view that someone still holds keeps the mapping until it goes.
        with suppress(BufferError):
            self._map.close()
        os.close(self.fd)


class RingWriter(_Ring):
    """The child's side; makes the memory."""

    def __init__(self, width: int, height: int) -> None:
        fd = os.memfd_create("edge-camera-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, ring_bytes(width, height))
        # The reader's mapping must not lose its ground, even when this process runs wild.
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        super().__init__(fd, width, height, mmap.PROT_READ | mmap.PROT_WRITE)
        self._slot: int | None = None

    def begin(self) -> Pixels | None:
        """Return the oldest free slot's pixels to write to; `publish` or `abandon` follows.

        None, very rarely: a reader that goes from slot to slot was on each one that was tried.
        """
        heads = [self._head(slot)[0] for slot in range(SLOTS)]
        oldest_first = sorted(range(SLOTS), key=heads.__getitem__)
        # The newest stays as it is: a reader that looks right now finds it whole.
        for slot in oldest_first[:-1] * _TRIES:
            if self._lock(slot, fcntl.LOCK_EX):
                self._slot = slot
                self._write_head(slot, 0, Stamp(monotonic=0, wall=0, clock_synced=False))
                return self._view(slot)
        return None

    def publish(self, seq: int, stamp: Stamp) -> None:
        """Make the slot begun the newest frame; `seq` grows from one to the next."""
        if self._slot is not None:
            self._write_head(self._slot, seq + 1, stamp)
        self.abandon()

    def abandon(self) -> None:
        """Leave the slot begun, if any, without a frame."""
        if self._slot is not None:
            self._unlock(self._slot)
        self._slot = None

    def _write_head(self, slot: int, number: int, stamp: Stamp) -> None:
        at = slot * _stride(self.width, self.height)
        _HEAD.pack_into(self._map, at, number, stamp.monotonic, stamp.wall, stamp.clock_synced)


class RingReader(_Ring):
    """The parent's side. Owns `fd` from here on, also when it raises.

    Raises:
        RingError: extents or size out of bounds, or memory that is too small or could shrink.
    """

    def __init__(self, fd: int, width: int, height: int, max_bytes: int) -> None:
        try:
            _check(fd, width, height, max_bytes)
            super().__init__(fd, width, height, mmap.PROT_READ)
        except (RingError, OSError, ValueError) as exc:
            os.close(fd)
            raise RingError(str(exc)) from None
        self._last = 0

    def take(self) -> Taken | None:
        """Return a copy of the newest whole frame; None when there is none newer than the last one taken."""
        numbers = [(self._head(slot)[0], slot) for slot in range(SLOTS)]
        for number, slot in sorted(numbers, reverse=True):
            if number > self._last and self._lock(slot, fcntl.LOCK_SH):
                try:
                    taken = self._copy(slot)
                finally:
                    self._unlock(slot)
                if taken is not None:
                    return taken
        return None

    def _copy(self, slot: int) -> Taken | None:
        number, monotonic, wall, synced = self._head(slot)
        if number <= self._last:
            return None
        self._last = number
        stamp = Stamp(monotonic=monotonic, wall=wall, clock_synced=synced)
        return Taken(number - 1, stamp, self._view(slot).copy())


def ring_bytes(width: int, height: int) -> int:
    """Return the size of a ring of frames of these extents."""
    return SLOTS * _stride(width, height)


def _stride(width: int, height: int) -> int:
    return _PAGE + (width * height * 3 + _PAGE - 1) // _PAGE * _PAGE


def _check(fd: int, width: int, height: int, max_bytes: int) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and ring_bytes(width, height) <= max_bytes):
        raise RingError(f"frames of {width}x{height}: over the bounds")
    if os.fstat(fd).st_size != ring_bytes(width, height):
        raise RingError(f"shared memory does not fit frames of {width}x{height}")
    if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise RingError("shared memory could shrink under its reader")

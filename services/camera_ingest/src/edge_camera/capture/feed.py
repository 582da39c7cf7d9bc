"""The child's way to its parent: pixels into the ring, notices over the socket, and never a wait for either."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from edge_camera.capture.messages import Failed, Finished, Message, NewRing, Opened, Tick, encode
from edge_camera.capture.ring import RingWriter
from edge_camera.clocksync import clock_synced
from edge_camera.frame import Pixels, Stamp

_LAST_WORDS_S = 1.0


class Feed:
    """One child's output. `lockstep`: wait after each frame until the parent has taken it, as only files may.

    Every method raises BrokenPipeError or ConnectionResetError once the parent is gone.
    """

    def __init__(self, sock: socket.socket, *, lockstep: bool) -> None:
        self._sock, self._lockstep = sock, lockstep
        self._ring: RingWriter | None = None
        self._announced = False
        self._lent: Pixels | None = None
        self._undecodable = 0

    def opened(self) -> None:
        """Tell that the source is open."""
        self._sock.send(encode(Opened()))

    def lend(self) -> Pixels | None:
        """Return memory to decode into, [h, w, 3] as the last frame was; None before the first."""
        self._lent = None if self._ring is None else self._ring.begin()
        return self._lent

    def put(self, pixels: Pixels, seq: int, stamp: Stamp) -> None:
        """Hand a frame over; it is copied unless it is what `lend` gave. `seq` grows."""
        ring = self._ring
        if ring is None or pixels is not self._lent:
            ring = self._fitting(pixels)
            room = ring.begin()
            if room is None:
                return
            room[:] = pixels
        self._lent = None
        if not self._announced:
            self._announced = self._send(NewRing(ring.width, ring.height), [ring.fd])
        ring.publish(seq, stamp)
        self._tick()
        if self._lockstep and not self._sock.recv(1):
            raise BrokenPipeError

    def spoilt(self) -> None:
        """Count a picture that could not be decoded."""
        self._lent = None
        if self._ring is not None:
            self._ring.abandon()
        self._undecodable += 1
        self._tick()

    def end(self, last: Failed | Finished) -> None:
        """Say why this is the end, if anyone listens."""
        self._sock.settimeout(_LAST_WORDS_S)
        with suppress(OSError):
            self._sock.send(encode(Tick(self._undecodable)))
            self._sock.send(encode(last))

    def _tick(self) -> None:
        self._send(Tick(self._undecodable), [])

    def _fitting(self, pixels: Pixels) -> RingWriter:
        """Return a ring for frames of this size: the present one, or a new one."""
        height, width = pixels.shape[:2]
        ring = self._ring
        if ring is not None:
            ring.abandon()
            if (ring.width, ring.height) == (width, height):
                return ring
            self._lent = None
            ring.close()
        self._ring, self._announced = RingWriter(width, height), False
        return self._ring

    def _send(self, message: Message, fds: list[int]) -> bool:
        """Send without waiting; a full socket means that the parent has enough to look at."""
        try:
            socket.send_fds(self._sock, [encode(message)], fds, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True


def stamp_now() -> Stamp:
    """Return this moment. The monotonic clock is one for all processes of a machine."""
    return Stamp(monotonic=time.monotonic(), wall=time.time(), clock_synced=clock_synced())

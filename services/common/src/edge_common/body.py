"""Request bodies: bounded in size, in number and in time, nothing allocated on a client's word.

Granian reads a body in the thread that asks for it and cannot be interrupted, so a sender that stalls would
hold a thread for ever. `BodyReader` watches the clock and shuts the connections that still owe the rest of
a request; a shut connection ends the read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_common.errors import BodyTimeout, BodyTooLarge, InvalidInput, Overloaded

# How often overdue bodies are looked for, in seconds: the limit is kept to within this much.
WATCH_PERIOD_S = 0.5
# struct tcp_info (linux/tcp.h): tcpi_last_data_sent, tcpi_last_data_recv (ms ago), tcpi_bytes_acked, _received.
_TCP_INFO = struct.Struct("=44xI4xI64xQQ")


class BodyReader:
    """Read bodies of at most `max_bytes`, at most `max_readers` at once, each within `timeout_s` seconds."""

    def __init__(self, *, max_bytes: int, max_readers: int, timeout_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_readers = max_readers
        self._timeout_s = timeout_s
        self._started: dict[int, float] = {}
        self._watching = False
        self._lock = threading.Lock()

    def read(self, environ: dict[str, Any]) -> bytes:
        """Return the whole body.

        Raises:
            BodyTooLarge: declared or sent more than `max_bytes`; a declared one is refused unread.
            BodyTimeout: the body ended early, or did not arrive in time.
            Overloaded: too many other bodies are still on their way.
        """
        declared = environ.get("CONTENT_LENGTH")
        length = _content_length(declared) if declared else None
        if length is not None and length > self._max_bytes:
            raise BodyTooLarge(f"body of {length} bytes: at most {self._max_bytes} are accepted")
        if len(self._started) >= self._max_readers:
            raise Overloaded(f"{self._max_readers} other request bodies are still on their way")
        me = threading.get_ident()
        self._started[me] = time.monotonic()
        if not self._watching:
            self._watch()
        try:
            body: bytes = environ["wsgi.input"].read(self._max_bytes + 1)
        finally:
            del self._started[me]
        if length is not None and len(body) < length:
            raise BodyTimeout(f"body: {length} bytes were declared, {len(body)} came")
        if len(body) > self._max_bytes:
            raise BodyTooLarge(f"body of more than {self._max_bytes} bytes: at most that many are accepted")
        return body

    def _watch(self) -> None:
        with self._lock:
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch_forever, name="body-watch", daemon=True).start()

    def _watch_forever(self) -> None:
        owing: dict[tuple[int, int], tuple[int, float]] = {}
        while True:
            time.sleep(WATCH_PERIOD_S)
            now = time.monotonic()
            waited = now - min(list(self._started.values()), default=now)
            # Connections are only looked at when a body has been on its way for half its time.
            owing = _still_owing(owing, now) if waited > self._timeout_s / 2 else {}
            for (fd, _), (_, since) in owing.items():
                if waited > self._timeout_s and now - since > self._timeout_s / 2 - 2 * WATCH_PERIOD_S:
                    _shut(fd)


def _content_length(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"Content-Length: want a whole number, got {text!r}")
    return int(text)


def _still_owing(before: dict[tuple[int, int], tuple[int, float]], now: float) -> dict[Any, Any]:
    """Map (fd, inode) of connections that sent us something we did not answer to (bytes we sent, since when)."""
    found = {}
    for fd, inode, connection in _connections():
        with contextlib.suppress(OSError, struct.error):
            raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            last_sent, last_received, acked, received = _TCP_INFO.unpack_from(raw)
            # One byte counts as acknowledged for the handshake itself.
            if received > 0 and (acked <= 1 or last_received < last_sent):
                known = before.get((fd, inode))
                found[fd, inode] = known if known and known[0] == acked else (acked, now)
    return found


def _connections() -> Iterator[tuple[int, int, socket.socket]]:
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            fd = int(entry.name)
            if not str(entry.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(fd)) as connection:
                if connection.type == socket.SOCK_STREAM and connection.family != socket.AF_UNIX:
                    yield fd, os.fstat(fd).st_ino, connection


def _shut(fd: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as connection:
        connection.shutdown(socket.SHUT_RDWR)

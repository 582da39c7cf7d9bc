"""Request bodies: bounded in size, in number, in time and in all, nothing allocated on a client's word."""

from __future__ import annotations

import threading
import time
from typing import Any

from edge_common.errors import BodyTimeout, BodyTooLarge, InvalidInput, Overloaded
from edge_common.overdue import Body, look, pause_s

# How often overdue bodies are looked for, in seconds: the limit is kept to within about this much.
WATCH_PERIOD_S = 0.5
# Bodies up to this size are not counted towards the total: all handlers' together stay small.
SMALL_BYTES = 64 * 1024


class BodyReader:
    """Read bodies of at most `max_bytes`, at most `max_readers` at once, each within `timeout_s` seconds.

    All bodies in memory, unpacked ones included, take at most `max_total_bytes`. Every `read` that was tried
    needs its `done`, in the same thread, once the request is answered.
    """

    def __init__(self, *, max_bytes: int, max_readers: int, timeout_s: float, max_total_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._max_readers = max_readers
        self._timeout_s = timeout_s
        self._free_bytes = max_total_bytes
        self._reading: dict[int, Body] = {}
        self._answering: dict[int, Body] = {}
        self._watching = False
        self._lock = threading.Lock()

    def read(self, environ: dict[str, Any]) -> bytes:
        """Return the whole body.

        Raises:
            BodyTooLarge: declared or sent more than `max_bytes`; a declared one is refused unread.
            BodyTimeout: the body ended early, or did not arrive in time.
            Overloaded: too many other bodies are still on their way, or too much memory is taken by them.
        """
        declared = environ.get("CONTENT_LENGTH")
        length = _content_length(declared) if declared else None
        if length is not None and length > self._max_bytes:
            raise BodyTooLarge(f"body of {length} bytes: at most {self._max_bytes} are accepted")
        if len(self._reading) >= self._max_readers:
            raise Overloaded(f"{self._max_readers} other request bodies are still on their way")
        me = threading.get_ident()
        body = Body(environ["REMOTE_ADDR"], time.monotonic())
        self._hold(body, length, "HTTP_CONTENT_ENCODING" in environ)
        self._answering[me] = body
        if not self._watching:
            self._watch()
        self._reading[me] = body
        try:
            content: bytes = environ["wsgi.input"].read(self._max_bytes + 1)
        finally:
            del self._reading[me]
        body.whole = time.monotonic()
        if length is not None and len(content) < length:
            raise BodyTimeout(f"body: {length} bytes were declared, {len(content)} came")
        if len(content) > self._max_bytes:
            raise BodyTooLarge(f"body of more than {self._max_bytes} bytes: at most that many are accepted")
        return content

    def done(self) -> None:
        """The request of this thread is over: what its body took is free again."""
        body = self._answering.pop(threading.get_ident(), None)
        if body is not None and body.held:
            with self._lock:
                self._free_bytes += body.held

    def _hold(self, body: Body, length: int | None, packed: bool) -> None:
        """Set aside what the body takes at most; what it unpacks to is only known to be within the limit."""
        size = (self._max_bytes if length is None else length) + (self._max_bytes if packed else 0)
        if size <= SMALL_BYTES:
            return
        with self._lock:
            if size > self._free_bytes:
                raise Overloaded("other requests' bodies take all the memory set aside for them")
            self._free_bytes -= size
            body.held = size

    def _watch(self) -> None:
        with self._lock:
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch_forever, name="body-watch", daemon=True).start()

    def _watch_forever(self) -> None:
        took = 0.0
        while True:
            time.sleep(pause_s(WATCH_PERIOD_S, took))
            now = time.monotonic()
            # Most bodies come with their headers; only the others are worth asking the kernel.
            slow = [body for body in list(self._reading.values()) if now - body.started > WATCH_PERIOD_S / 2]
            if slow:
                look(slow, [body for body in list(self._answering.values()) if body.whole], now, self._timeout_s)
            took = time.monotonic() - now


def _content_length(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"Content-Length: want a whole number, got {text!r}")
    return int(text)

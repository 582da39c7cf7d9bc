"""Connections on which a timeout bounds the whole exchange, not each read: a server may trickle its bytes."""

from __future__ import annotations

import http.client
import io
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def connection_pool(url: str) -> urllib3.HTTPConnectionPool:
    """Return a pool of one kept-alive connection to `url` that never retries.

    The `total` of a request's timeout holds for connecting (with sending), and again at most for a TLS handshake;
    the answer's head and body have what is left of it together.
    """
    pool = urllib3.connection_from_url(url, maxsize=1, retries=False)
    pool.ConnectionCls = _Tls if pool.scheme == "https" else _Plain
    return pool


class _Bounded(HTTPConnection):
    def __str__(self) -> str:
        """As urllib3's errors have it; without it they show this class."""
        return f"{self.host}:{self.port}"

    def connect(self) -> None:
        began = time.monotonic()
        super().connect()
        if self.timeout is not None:
            # What is sent now has only the rest.
            self.sock.settimeout(max(0.001, self.timeout - (time.monotonic() - began)))

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3's own
        if self.timeout is not None:
            until = time.monotonic() + self.timeout
            self.response_class = cast("type[http.client.HTTPResponse]", partial(_Response, until=until))
        return super().getresponse()


class _Plain(_Bounded):
    pass


class _Tls(_Bounded, HTTPSConnection):
    pass


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *more: Any, until: float, **named: Any) -> None:
        super().__init__(sock, *more, **named)
        self.fp = io.BufferedReader(_Reads(sock, self.fp.detach(), until))


class _Reads(io.RawIOBase):
    """What a socket brings until a moment of the monotonic clock; each read has the time that is left."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, until: float) -> None:
        self._sock, self._raw, self._until = sock, raw, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()

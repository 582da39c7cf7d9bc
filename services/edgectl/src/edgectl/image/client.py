"""HTTP with bounds: how much of an answer is read, how often is asked again, and where a redirect may lead."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from edge_common.tomlfile import one_line
from edgectl.image.store import MAX_DOCUMENT_BYTES
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

# TCP itself waits for a link that is down for a while and loses nothing by it, so a pause up to this is no failure.
SILENCE_S = 300.0
CONNECT_S = 20.0
# Between the tries of what is only asked for, in seconds.
WAITS_S = (0.0, 1.0, 2.0, 4.0, 8.0)
# A registry may ask for a longer wait (Retry-After), up to this.
LONGEST_S = 60.0
BUSY = (429, 502, 503, 504)
REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_CLIENT = "edgectl"


class Refused(ModelError):
    """The registry's answer was none that was wanted; `status` is HTTP's, 0 for an address that we do not go to."""

    def __init__(self, status: int, line: str) -> None:
        self.status = status
        super().__init__(line)


class Cut(ModelError):
    """The connection went away, or could not be made; what was sent may have come or not."""


class Strange(Cut):
    """The other side speaks otherwise: no TLS, one that is not trusted, no HTTP. At once it will not change."""


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` may hold an Authorization, which goes to this address's host alone."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | IO[bytes] | None = None

    @property
    def asks(self) -> bool:
        """Does it change nothing, so that it may be sent again?"""
        return self.method in ("GET", "HEAD")

    def to(self, place: str) -> Request:
        """Return it to the address of a redirect, which may be relative."""
        url = joined(self.url, place)
        kept = self.headers
        if url.split("/")[:3] != self.url.split("/")[:3]:
            kept = {key: value for key, value in kept.items() if key != "Authorization"}
        return replace(self, url=url, headers=kept)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `data` is at most one byte more than MAX_DOCUMENT_BYTES; of what is streamed `body` has it instead."""

    status: int
    reason: str
    headers: Mapping[str, str]
    data: bytes = b""
    body: BaseHTTPResponse | None = None

    @property
    def wait_s(self) -> float:
        """Seconds that the registry wants to be left alone."""
        told = self.headers.get("Retry-After", "")
        return min(float(told), LONGEST_S) if told.isascii() and told.isdigit() else 0.0


@dataclass(slots=True)
class Client:
    """Talks to the registry `host`, whose name is in all errors, and to whom it sends one."""

    host: str
    plain_http: bool = False
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    pause: Callable[[float], None] = time.sleep
    _pool: PoolManager | None = None

    def send(self, request: Request, *, stream: bool = False, again: bool = True) -> Reply:
        """Return the answer, whatever its status; of a success its `body` alone, unread, where `stream`.

        What only asks is asked `again` after a cut, and of a registry that is busy.

        Raises:
            Cut: no answer came.
            Refused: the address, or that of a redirect, is none to go to.
        """
        for wait in WAITS_S if again and request.asks else ():
            try:
                reply = self._followed(request, stream)
                if reply.status not in BUSY:
                    return reply
                self.pause(max(wait, reply.wait_s))
            except Strange:
                raise
            except Cut:
                self.pause(wait)
        return self._followed(request, stream)

    def allows(self, url: str) -> bool:
        """Is it an address that we go to: of HTTP, and with TLS unless told otherwise?"""
        try:
            parts = urlsplit(url)
            # A port that is none raises when it is looked at.
            there = bool(parts.hostname) and parts.port != 0
            return there and parts.scheme in (("https", "http") if self.plain_http else ("https",))
        except ValueError:
            return False

    def _followed(self, request: Request, stream: bool) -> Reply:
        reply = self._once(request, stream)
        for _ in range(REDIRECTS):
            place = reply.headers.get("Location", "")
            if not (request.asks and reply.status in _MOVED and place):
                break
            request = request.to(place)
            reply = self._once(request, stream)
        return reply

    def _once(self, request: Request, stream: bool) -> Reply:
        from urllib3.exceptions import HTTPError

        if not self.allows(request.url):
            kind = "an HTTP address" if self.plain_http else "an address with TLS"
            raise Refused(0, f"{self.host}: want {kind} to go on at, found {request.url.partition('?')[0]!r:.200}")
        try:
            reply = self._pools().request(
                request.method,
                request.url,
                headers={"User-Agent": _CLIENT, **request.headers},
                body=request.body,
                # urllib3 reads to the end whatever it asks again or follows: a registry would choose our memory.
                preload_content=False,
                retries=False,
                redirect=False,
            )
            streamed = stream and reply.status < 300
            data = b"" if streamed else _start(reply)
        except (HTTPError, OSError) as exc:
            raise self._cut(exc) from None
        return Reply(reply.status, reply.reason or "", reply.headers, data, reply if streamed else None)

    def _pools(self) -> PoolManager:
        if self._pool is None:
            from urllib3 import PoolManager, ProxyManager, Timeout

            self._check_authorities()
            options: dict[str, Any] = {"timeout": Timeout(connect=CONNECT_S, read=SILENCE_S)}
            scheme = "http" if self.plain_http else "https"
            proxy = "" if proxy_bypass(self.host.rpartition(":")[0] or self.host) else getproxies().get(scheme, "")
            self._pool = ProxyManager(proxy, **options) if proxy else PoolManager(**options)
        return self._pool

    def _check_authorities(self) -> None:
        """OpenSSL takes a file that is not there for one without authorities, and trusts nobody."""
        named = self.env.get("SSL_CERT_FILE")
        if named and not self.plain_http and not Path(named).is_file():
            raise ModelError(
                f"SSL_CERT_FILE={named}: want a file with your authority's certificate, found no such file"
            )

    def _cut(self, exc: Exception) -> Cut:
        text = one_line(" ".join(str(getattr(exc, "reason", None) or exc).split()))
        strange = self._strange(text)
        return Strange(f"{self.host}: {strange}") if strange else Cut(f"{self.host}: no answer: {text[:300]}")

    def _strange(self, text: str) -> str:
        if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
            return "does not speak TLS; --plain-http for a registry in a lab"
        if "UNEXPECTED_EOF" in text:
            return "broke off TLS; --plain-http for a registry in a lab that has none"
        if "CERTIFICATE_VERIFY_FAILED" in text:
            named = self.env.get("SSL_CERT_FILE")
            if named:
                return f"its certificate is not trusted: SSL_CERT_FILE={named} has no authority for it"
            return "its certificate is not trusted; SSL_CERT_FILE names a file with your authority's"
        if self.plain_http and "BadStatusLine" in text:
            return "does not speak plain HTTP; leave out --plain-http"
        return ""


def joined(url: str, place: str) -> str:
    """Return the address `place`, which may be relative to `url`; `place` itself when it is none."""
    try:
        return urljoin(url, place)
    except ValueError:
        return place


def _start(reply: BaseHTTPResponse) -> bytes:
    """Read a body as far as it may be. A connection is kept that was read to its end, and only such a one."""
    try:
        return reply.read(MAX_DOCUMENT_BYTES + 1)
    finally:
        reply.close()

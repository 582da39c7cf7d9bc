"""A registry over HTTP: one repository, asked with the login of the auth file; TLS unless told otherwise."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import getproxies, parse_http_list, parse_keqv_list, proxy_bypass

from edgectl.image.auth import Login, login
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager, Retry

# TCP itself waits for a link that is down for a while and loses nothing by it, so a pause up to this is no failure.
SILENCE_S = 300.0
CONNECT_S = 20.0
# Of what is only asked for: 0, 1, 2, 4, 8 s between the tries.
TRIES = 5
_BUSY = (429, 502, 503, 504)
_HUB, _HUB_API = "docker.io", "registry-1.docker.io"
_CLIENT = "edgectl"


class Refused(ModelError):
    """The registry's answer was none that was wanted; `status` is HTTP's."""

    def __init__(self, status: int, line: str) -> None:
        self.status = status
        super().__init__(line)


class Cut(ModelError):
    """The connection went away, or could not be made; what was sent may have come or not."""


@dataclass(slots=True)
class Registry:
    """`repository` at `host`; `pushes` asks for the right to. Not for several threads: it keeps the last token."""

    host: str
    repository: str
    plain_http: bool = False
    pushes: bool = False
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _pool: PoolManager | None = None
    _authorization: str = ""

    def url(self, path: str, **query: str) -> str:
        """Return the address of `path` in this repository."""
        api = _HUB_API if self.host == _HUB else self.host
        scheme = "http" if self.plain_http else "https"
        return f"{scheme}://{api}/v2/{self.repository}/{path}" + (f"?{urlencode(query)}" if query else "")

    def ask(
        self,
        method: str,
        url: str,
        *,
        want: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        stream: bool = False,
        again: bool = True,
    ) -> BaseHTTPResponse:
        """Send one request, with a login if it is asked for one, and return the answer. A body that was read is lost.

        What only asks is asked again after a cut, unless the caller does that better and says `again` is False.

        Raises:
            Cut: no answer came, or the registry is too busy.
            Refused: it has another status than one of `want`.
        """
        reply = self._send(method, url, headers, body, stream, again)
        if reply.status == 401 and not hasattr(body, "read"):
            self._log_in(reply.headers.get("WWW-Authenticate", ""))
            reply = self._send(method, url, headers, body, stream, again)
        if reply.status not in want:
            line = f"{self.host}: {method} {urlsplit(url).path}: {_reason(reply)}"
            # Too much to do just now: that passes, as a cut does.
            raise Cut(line) if reply.status in _BUSY else Refused(reply.status, line)
        return reply

    def follow(self, reply: BaseHTTPResponse, url: str) -> str:
        """Return the address that an answer's Location names; it may be relative."""
        return urljoin(url, reply.headers.get("Location", url))

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | IO[bytes] | None,
        stream: bool,
        again: bool,
    ) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError

        # A registry sends one to a store of blobs elsewhere, whom our login does not concern.
        own = urlsplit(url).netloc == urlsplit(self.url("")).netloc
        login = {"Authorization": self._authorization} if self._authorization and own else {}
        sent = {"User-Agent": _CLIENT, **login, **(headers or {})}
        safe = method in ("GET", "HEAD")
        try:
            return self._pools().request(
                method,
                url,
                headers=sent,
                body=body,
                preload_content=not stream,
                retries=_retry(safe and again),
                redirect=safe,
            )
        except (HTTPError, OSError) as exc:
            raise Cut(f"{self.host}: {_why(exc, self.plain_http)}") from None

    def _pools(self) -> PoolManager:
        if self._pool is None:
            from urllib3 import PoolManager, ProxyManager, Timeout

            options: dict[str, Any] = {"timeout": Timeout(connect=CONNECT_S, read=SILENCE_S)}
            scheme = "http" if self.plain_http else "https"
            proxy = "" if proxy_bypass(self.host.rpartition(":")[0] or self.host) else getproxies().get(scheme, "")
            self._pool = ProxyManager(proxy, **options) if proxy else PoolManager(**options)
        return self._pool

    def _log_in(self, challenge: str) -> None:
        """Answer a challenge: with the password itself, or with a token that its realm gives for it."""
        scheme, _, words = challenge.partition(" ")
        known = login(self.host, self.repository, self.env)
        if scheme.lower() == "basic" and known.user:
            self._authorization = known.basic()
        elif scheme.lower() == "bearer":
            self._authorization = f"Bearer {self._token(parse_keqv_list(parse_http_list(words)), known)}"
        else:
            raise Refused(
                401, f"{self.host}: wants a login, found none in the auth file: `podman login {self.host}` writes one"
            )

    def _token(self, challenge: Mapping[str, str], known: Login) -> str:
        realm = challenge.get("realm", "")
        if not realm.startswith(("https://", "http://" if self.plain_http else "https://")):
            raise Refused(401, f"{self.host}: want a realm to log in at that has TLS, found {realm!r:.200}")
        scope = f"repository:{self.repository}:{'pull,push' if self.pushes else 'pull'}"
        # What was asked for first may be to mount from another repository: its own scope comes with it.
        asked = challenge.get("scope") or scope
        query = {"service": challenge.get("service", ""), "scope": scope if asked == scope else f"{scope} {asked}"}
        reply = self._token_reply(realm, query, known)
        if reply.status != 200:
            raise Refused(reply.status, f"{self.host}: login at {urlsplit(realm).netloc}: {_reason(reply)}")
        answer = json.loads(reply.data)
        return str(answer.get("token") or answer.get("access_token") or "")

    def _token_reply(self, realm: str, query: dict[str, str], known: Login) -> BaseHTTPResponse:
        pool = self._pools()
        if known.token:
            form = {**query, "grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": known.token}
            return pool.request("POST", realm, fields=form, encode_multipart=False, retries=_retry(False))
        headers = {"Authorization": known.basic()} if known.user else {}
        fields = [("service", query["service"]), *(("scope", scope) for scope in query["scope"].split(" "))]
        return pool.request("GET", f"{realm}?{urlencode(fields)}", headers=headers, retries=_retry(True))


def _retry(safe: bool) -> Retry:
    """Only what changes nothing is sent again by itself; an upload asks first how far it has come (upload.py)."""
    from urllib3 import Retry

    return Retry(
        total=TRIES if safe else 0, other=0, redirect=TRIES, status_forcelist=_BUSY if safe else (), backoff_factor=0.5,
        raise_on_status=False, raise_on_redirect=False, allowed_methods=None,
    )  # fmt: skip


def _reason(reply: BaseHTTPResponse) -> str:
    """Return the registry's own words, or the status."""
    try:
        first = json.loads(reply.data)["errors"][0]
        said = f"{first.get('code', '')}: {first.get('message', '')}"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        said = reply.reason or ""
    hint = {401: "; the login is refused", 403: "; the login may not do this", 404: "; no such image or blob"}
    return f"{reply.status} {said[:200]}{hint.get(reply.status, '')}"


def _why(exc: Exception, plain_http: bool) -> str:
    text = " ".join(str(getattr(exc, "reason", None) or exc).split())
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        return "does not speak TLS; --plain-http for a registry in a lab"
    if "UNEXPECTED_EOF" in text:
        return "broke off TLS; --plain-http for a registry in a lab that has none"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted; SSL_CERT_FILE names a file with your authority's"
    if plain_http and "BadStatusLine" in text:
        return "does not speak plain HTTP; leave out --plain-http"
    return f"no answer: {text[:300]}"

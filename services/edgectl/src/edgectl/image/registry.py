"""A registry: one repository, asked with the login of the auth file; TLS unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import IO
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

import msgspec

from edge_common.tomlfile import one_line
from edgectl.image.auth import Login, login
from edgectl.image.client import BUSY, Client, Cut, Refused, Reply, Request, joined
from edgectl.image.documents import maybe
from edgectl.image.store import MAX_DOCUMENT_BYTES
from edgectl.model.errors import ModelError

_HUB, _HUB_API = "docker.io", "registry-1.docker.io"
_CLIENT = "edgectl"


class _Token(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error]


@dataclass(slots=True)
class Registry:
    """`repository` at `host`; `pushes` asks for the right to. Not for several threads: it keeps the last token."""

    host: str
    repository: str
    plain_http: bool = False
    pushes: bool = False
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _client: Client | None = None
    _authorization: str = ""

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self.host, self.plain_http, self.env)
        return self._client

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
    ) -> Reply:
        """Send one request, with a login if it is asked for one, and return the answer. A body that was read is lost.

        What only asks is asked again after a cut, unless the caller does that better and says `again` is False.

        Raises:
            Cut: no answer came, or the registry is too busy.
            Refused: it has another status than one of `want`.
        """
        request = Request(method, url, headers or {}, body)
        reply = self.client.send(self._signed(request), stream=stream, again=again)
        if reply.status == 401 and not hasattr(body, "read"):
            self._log_in(reply.headers.get("WWW-Authenticate", ""))
            reply = self.client.send(self._signed(request), stream=stream, again=again)
        where = f"{self.host}: {method} {urlsplit(url).path}"
        if reply.status not in want:
            line = f"{where}: {_reason(reply)}"
            # Too much to do just now: that passes, as a cut does.
            raise Cut(line) if reply.status in BUSY else Refused(reply.status, line)
        if len(reply.data) > MAX_DOCUMENT_BYTES:
            raise ModelError(f"{where}: want an answer up to {MAX_DOCUMENT_BYTES} bytes, found more")
        return reply

    def follow(self, reply: Reply, url: str) -> str:
        """Return the address that an answer's Location names; it may be relative."""
        return joined(url, reply.headers.get("Location", url))

    def _signed(self, request: Request) -> Request:
        # A registry sends one to a store of blobs elsewhere, whom our login does not concern.
        own = request.url.split("/")[:3] == self.url("").split("/")[:3]
        login = {"Authorization": self._authorization} if self._authorization and own else {}
        return replace(request, headers={**login, **request.headers})

    def _log_in(self, challenge: str) -> None:
        """Answer a challenge: with the password itself, or with a token that its realm gives for it."""
        scheme, _, words = challenge.partition(" ")
        known = login(self.host, self.repository, self.env)
        if scheme.lower() == "basic" and known.user:
            self._authorization = known.basic()
        elif scheme.lower() == "bearer":
            self._authorization = f"Bearer {self._token(_words(words), known)}"
        else:
            raise Refused(
                401, f"{self.host}: wants a login, found none in the auth file: `podman login {self.host}` writes one"
            )

    def _token(self, challenge: Mapping[str, str], known: Login) -> str:
        realm = challenge.get("realm", "")
        if not self.client.allows(realm):
            raise Refused(401, f"{self.host}: want a realm to log in at that has TLS, found {realm!r:.200}")
        scope = f"repository:{self.repository}:{'pull,push' if self.pushes else 'pull'}"
        # What was asked for first may be to mount from another repository: its own scope comes with it.
        asked = challenge.get("scope") or scope
        query = {"service": challenge.get("service", ""), "scope": scope if asked == scope else f"{scope} {asked}"}
        client = replace(self.client, host=f"{self.host}: login at {one_line(urlsplit(realm).netloc)}")
        reply = client.send(_token_request(realm, query, known))
        if reply.status != 200:
            raise Refused(reply.status, f"{client.host}: {_reason(reply)}")
        answer = maybe(reply.data, _Token) or _Token()
        token = answer.token or answer.access_token or ""
        # Anything else could not be sent in a header.
        if not (token and token.isascii() and token.isprintable()):
            raise Refused(200, f"{client.host}: want JSON with a token, found another answer")
        return token


def _token_request(realm: str, query: Mapping[str, str], known: Login) -> Request:
    if known.token:
        form = {**query, "grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": known.token}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, kind, urlencode(form).encode())
    fields = [("service", query["service"]), *(("scope", scope) for scope in query["scope"].split(" "))]
    joint = "&" if "?" in realm else "?"
    headers = {"Authorization": known.basic()} if known.user else {}
    return Request("GET", f"{realm}{joint}{urlencode(fields)}", headers)


def _words(challenge: str) -> dict[str, str]:
    """Return the words of a challenge; none when it is garbled."""
    try:
        return parse_keqv_list(parse_http_list(challenge))
    except (ValueError, IndexError):
        return {}


def _reason(reply: Reply) -> str:
    """Return the registry's own words, or the status; they may hold what a terminal obeys."""
    found = maybe(reply.data, _Errors)
    first = found.errors[0] if found and found.errors else None
    said = one_line(f"{first.code or ''}: {first.message or ''}" if first else reply.reason)
    hint = {401: "; the login is refused", 403: "; the login may not do this", 404: "; no such image or blob"}
    return f"{reply.status} {said[:200]}{hint.get(reply.status, '')}"

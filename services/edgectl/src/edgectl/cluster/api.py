"""The few calls of the Kubernetes API that edgectl makes, typed, bounded, and told in one line when refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
import urllib3

from edge_common.errors import StartError

T = TypeVar("T")
JSON = "application/json"
# A release's Secrets hold all of its manifests; names and labels are enough.
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TIMEOUT = urllib3.Timeout(connect=5, read=20)
# Lists come in pages; a gateway has a few hundred pods at most.
_PAGE, _MOST_PAGES = 500, 20


class Missing(StartError):
    """The API server knows no such object."""


class Refused(StartError):
    """This account may not do that."""


class Conflict(StartError):
    """Somebody else changed the object in between."""


@dataclass(frozen=True, slots=True)
class What:
    """A resource in a namespace (None: all of them, or none), as an error names it; `name` may be empty for a list."""

    resource: str
    namespace: str | None
    name: str = ""

    def path(self) -> str:
        group = _GROUPS.get(self.resource.partition("/")[0], "/api/v1")
        kind, _, sub = self.resource.partition("/")
        parts = [group, *(("namespaces", self.namespace) if self.namespace else ()), kind, self.name, sub]
        return "/".join(part for part in parts if part)

    def __str__(self) -> str:
        place = f"in namespace {self.namespace}" if self.namespace else "in all namespaces"
        return f"{self.resource}{f' {self.name}' if self.name else ''} {place}"


_GROUPS = {
    "deployments": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "selfsubjectaccessreviews": "/apis/authorization.k8s.io/v1",
}


class _Listed(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[msgspec.Raw] = []


class _ListMeta(msgspec.Struct, frozen=True, rename={"next_page": "continue"}):
    next_page: str = ""


class _Status(msgspec.Struct, frozen=True):
    message: str = ""


@dataclass(frozen=True, slots=True)
class Api:
    """One API server, as one account. `headers` are asked for each time: tokens are renewed while a watch runs."""

    url: str
    pool: urllib3.PoolManager
    headers: Callable[[], Mapping[str, str]]
    namespace: str
    # For helm, which has to talk to the same cluster.
    context: str = ""

    def get(self, what: What, kind: type[T]) -> T:
        return self._decoded(self.read("get", what), kind, what)

    def read(self, verb: str, what: What, accept: str = JSON, query: Mapping[str, str] | None = None) -> bytes:
        """Return the body of a GET."""
        reply = self.open(verb, what, "", accept, query)
        try:
            return reply.data
        except urllib3.exceptions.HTTPError as exc:
            raise StartError(f"{self.url}: cannot {verb} {what}: {_reason(exc)}") from None
        finally:
            reply.release_conn()

    def open(
        self,
        verb: str,
        what: What,
        path: str = "",
        accept: str = JSON,
        query: Mapping[str, str] | None = None,
        timeout: urllib3.Timeout = TIMEOUT,
    ) -> urllib3.BaseHTTPResponse:
        """Return the reply to a GET, its body unread; `path` goes on below the object. The caller closes it."""
        return self._call("GET", verb, what, path, query or {}, accept, timeout=timeout)

    def send(self, verb: str, what: What, body: object) -> None:
        """Create (POST to the list) or update (PUT) an object."""
        content = msgspec.json.encode(body)
        where = What(what.resource, what.namespace) if verb == "create" else what
        method = {"create": "POST", "update": "PUT"}[verb]
        self._call(method, verb, where, "", {}, JSON, content, named=what).release_conn()

    def ask(self, what: What, question: object, kind: type[T]) -> T:
        """Create what the API server keeps nowhere, and answers: a review of rights."""
        reply = self._call("POST", "create", what, "", {}, JSON, msgspec.json.encode(question))
        try:
            return self._decoded(reply.data, kind, what)
        except urllib3.exceptions.HTTPError as exc:
            raise StartError(f"{self.url}: cannot create {what}: {_reason(exc)}") from None
        finally:
            reply.release_conn()

    def list(self, what: What, kind: type[T], accept: str = JSON, **query: str) -> list[T]:
        """Return all objects of a list, page by page."""
        found: list[T] = []
        page = ""
        for _ in range(_MOST_PAGES):
            more = {"limit": str(_PAGE)} | ({"continue": page} if page else {})
            listed = self._decoded(self.read("list", what, accept, {**query, **more}), _Listed, what)
            found += [self._decoded(item, kind, what) for item in listed.items]
            page = listed.metadata.next_page
            if not page:
                return found
        raise StartError(f"{self.url}: more than {_PAGE * _MOST_PAGES} {what}; want fewer: name a namespace with -n")

    def _decoded(self, content: bytes | msgspec.Raw, kind: type[T], what: What) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError as exc:
            raise StartError(f"{self.url}: {what}: want what Kubernetes answers, found another thing: {exc}") from None

    def _call(
        self,
        method: str,
        verb: str,
        what: What,
        path: str,
        query: Mapping[str, str],
        accept: str,
        body: bytes | None = None,
        timeout: urllib3.Timeout = TIMEOUT,
        named: What | None = None,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self.url}{what.path()}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {**self.headers(), "Accept": accept, "Content-Type": JSON}
        try:
            reply = self.pool.request(
                method, url, body=body, headers=headers, timeout=timeout, retries=False, preload_content=False
            )
        except urllib3.exceptions.HTTPError as exc:
            raise StartError(f"{self.url}: cannot reach the API server: {_reason(exc)}") from None
        if reply.status < 300:
            return reply
        raise self._refusal(reply, verb, named or what)

    def _refusal(self, reply: urllib3.BaseHTTPResponse, verb: str, what: What) -> StartError:
        said = _message(reply)
        reply.close()
        if reply.status == 401:
            return StartError(
                f"{self.url}: does not know you: log in anew, or choose another context of the kubeconfig"
            )
        if reply.status == 403:
            return Refused(f"no permission to {verb} {what}: want a role that allows it")
        if reply.status == 404:
            return Missing(f"{what}: not found")
        if reply.status == 409:
            return Conflict(f"{what}: changed by somebody else at the same time; try again")
        return StartError(f"{self.url}: cannot {verb} {what}: {reply.status} {said}")


def _message(reply: urllib3.BaseHTTPResponse) -> str:
    """The API server's own words, or the first line of what a pod said through it."""
    try:
        data = reply.read(4096)
    except urllib3.exceptions.HTTPError:
        return ""
    try:
        return " ".join(msgspec.json.decode(data, type=_Status).message.split())
    except msgspec.DecodeError:
        return " ".join(data.decode("utf-8", "replace").split())[:200]


def _reason(exc: urllib3.exceptions.HTTPError) -> str:
    text = str(exc)
    # "HTTPSConnection(host='...', port=6443): Failed to establish ...": the address is said already.
    return text.partition("): ")[2] or text

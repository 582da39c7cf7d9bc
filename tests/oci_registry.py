"""A small registry by the OCI distribution specification 1.1, which keeps what came before a cut and says how much.

Debian's docker-registry (2.8) forgets an upload that was cut in the middle of a piece; version 3 and others go on.
This one stands for those, counts the bytes that come, and can ask for a login.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from oci_support import MANIFEST


@dataclass
class Shelf:
    """What the registry holds; `received` counts bytes of blobs. `login` is user:password, `bearer` for a token."""

    host: str = ""
    login: str = ""
    bearer: bool = False
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    received: int = 0
    scopes: list[str] = field(default_factory=list)
    # With these PATCH requests (from 1) the token expires that was given last.
    expire_at: set[int] = field(default_factory=set)
    busy_at: set[int] = field(default_factory=set)
    patches: int = 0
    token: str = "a-token-of-the-realm"
    requests: list[str] = field(default_factory=list)
    # Of each blob only so many bytes come before the connection goes, once for each entry.
    broken_reads: list[int] = field(default_factory=list)


def _handler(shelf: Shelf) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            shelf.requests.append(f"{self.command} {urlsplit(self.path).path}")

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def known(self) -> bool:
            """Is the client logged in? Where not, it is told how to."""
            given = self.headers.get("Authorization", "")
            basic = f"Basic {base64.b64encode(shelf.login.encode()).decode()}"
            if not shelf.login or given == (f"Bearer {shelf.token}" if shelf.bearer else basic):
                return True
            how = f'Bearer realm="http://{shelf.host}/token",service="shelf"' if shelf.bearer else 'Basic realm="shelf"'
            # Only what was read of a body can be answered on the same connection.
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"who?"}]}', WWW_Authenticate=how)
            return False

        def token(self) -> None:
            basic = f"Basic {base64.b64encode(shelf.login.encode()).decode()}"
            query = parse_qs(urlsplit(self.path).query)
            body = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            shelf.scopes += query.get("scope", []) + body.get("scope", [])
            secret = shelf.login.partition(":")[2]
            good = self.headers.get("Authorization") == basic or body.get("refresh_token") == [secret]
            self.answer(200 if good else 401, f'{{"token": "{shelf.token}"}}'.encode() if good else b"{}")

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/token":
                self.token()
            elif not self.known():
                return
            elif "/uploads/" in path:
                self.status(path.rpartition("/")[2])
            elif "/manifests/" in path:
                data = shelf.manifests.get(path.rpartition("/")[2])
                digest = f"sha256:{hashlib.sha256(data or b'').hexdigest()}"
                self.answer(
                    404 if data is None else 200, data or b"", Content_Type=MANIFEST, Docker_Content_Digest=digest
                )
            else:
                self.blob(path.rpartition("/")[2])

        def blob(self, digest: str) -> None:
            data = shelf.blobs.get(digest)
            if data is None or self.command == "HEAD":
                self.answer(404 if data is None else 200)
                return
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            first = int(asked[1]) if asked else 0
            if shelf.broken_reads:
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(data) - first))
                self.end_headers()
                self.wfile.write(data[first : first + shelf.broken_reads.pop(0)])
                self.close_connection = True
                return
            self.answer(206 if asked else 200, data[first:])

        def status(self, upload: str) -> None:
            had = shelf.uploads.get(upload)
            if had is None:
                self.answer(404)
            else:
                self.answer(204, Location=f"/v2/up/blobs/uploads/{upload}", Range=f"0-{max(len(had) - 1, 0)}")

        def do_POST(self) -> None:
            if urlsplit(self.path).path == "/token":
                self.token()
            elif self.known():
                upload = str(len(shelf.uploads) + 1)
                shelf.uploads[upload] = bytearray()
                # Relative, as the specification allows.
                self.answer(202, Location=f"/v2/up/blobs/uploads/{upload}")

        def do_PATCH(self) -> None:
            shelf.patches += 1
            if shelf.patches in shelf.busy_at:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(503)
                return
            shelf.token += "x" * (shelf.patches in shelf.expire_at)
            if not self.known():
                return
            upload = self.path.rpartition("/")[2]
            had = shelf.uploads.get(upload)
            left = int(self.headers["Content-Length"])
            if had is None or int(self.headers["Content-Range"].partition("-")[0]) != len(had):
                self.rfile.read(left)
                self.answer(404 if had is None else 416)
                return
            while left and (piece := self.rfile.read1(min(left, 4096))):
                had += piece
                shelf.received += len(piece)
                left -= len(piece)
            if left:
                self.close_connection = True
            else:
                self.answer(202, Location=f"/v2/up/blobs/uploads/{upload}", Range=f"0-{len(had) - 1}")

        def do_PUT(self) -> None:
            if not self.known():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, name = urlsplit(self.path).path, urlsplit(self.path).path.rpartition("/")[2]
            if "/manifests/" in path:
                shelf.manifests[name] = shelf.manifests[f"sha256:{hashlib.sha256(body).hexdigest()}"] = body
                self.answer(201)
                return
            data = bytes(shelf.uploads.pop(name))
            (digest,) = parse_qs(urlsplit(self.path).query)["digest"]
            good = digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
            shelf.blobs |= {digest: data} if good else {}
            self.answer(201 if good else 400)

    return Handler


class _Server(ThreadingHTTPServer):
    # A client keeps its connections open after the test.
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was cut is what the tests are about."""


@contextmanager
def spec_registry(login: str = "", *, bearer: bool = False) -> Iterator[Shelf]:
    """Run it on a free port."""
    shelf = Shelf(login=login, bearer=bearer)
    with _Server(("127.0.0.1", 0), _handler(shelf)) as server:
        shelf.host = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield shelf
        finally:
            with suppress(OSError):
                server.shutdown()
            thread.join(10)

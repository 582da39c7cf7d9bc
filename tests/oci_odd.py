"""A registry that answers as it likes: with the wrong documents, too long, too short, or from somewhere else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Of a body without an end: more than anybody would read, less than a test has time for.
ENDLESS = 256 << 20
_PIECE = bytes(1 << 20)


@dataclass(frozen=True)
class Answer:
    """`body` None stands for ENDLESS bytes."""

    status: int = 200
    body: bytes | None = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Odd:
    """What came and how much went: `requests` are method, path and Authorization."""

    host: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    sent: int = 0


def _handler(odd: Odd, answer: Callable[[str, str], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            odd.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            found = answer(self.command, self.path)
            self.send_response(found.status)
            for key, value in found.headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(ENDLESS if found.body is None else len(found.body)))
            self.end_headers()
            if self.command != "HEAD":
                self._pour(found.body)

        def _pour(self, body: bytes | None) -> None:
            with suppress(OSError):
                for piece in [_PIECE] * (ENDLESS // len(_PIECE)) if body is None else [body]:
                    self.wfile.write(piece)
                    odd.sent += len(piece)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 - http.server's names

    return Handler


class _Server(ThreadingHTTPServer):
    # A client keeps its connections open after the test.
    daemon_threads, block_on_close = True, False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has enough goes."""


@contextmanager
def odd_registry(answer: Callable[[str, str], Answer]) -> Iterator[Odd]:
    """Run it on a free port; `answer` is given method and path."""
    odd = Odd()
    with _Server(("127.0.0.1", 0), _handler(odd, answer)) as server:
        odd.host = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield odd
        finally:
            server.shutdown()
            thread.join(10)

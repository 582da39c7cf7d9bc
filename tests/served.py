"""What every HTTP server of the tests needs: silent handlers, and a thread that ends with the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """Say nothing of requests, nor of a client that gives up on a slow answer: that is what some tests are about."""

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(server: ThreadingHTTPServer, ending: threading.Event) -> Iterator[None]:
    """Serve for the length of a `with`; at its end `ending` tells handlers that wait to go."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            server.shutdown()
            thread.join(5)

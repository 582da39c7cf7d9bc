"""One WSGI callable on one port, served by granian's Rust HTTP engine in threads of this process.

Granian's own command forks workers; a gateway wants one process a model, so its worker is driven directly.
See docs/adr/0001-granian-in-process.md.
"""

from __future__ import annotations

import logging
import resource
import socket
import threading
from typing import Any

from edge_common.errors import StartError
from edge_common.httpengine import Http1, WsgiApp, load_engine, scheduler

# Connections waiting to be accepted; a burst of reconnecting clients after a restart fits.
BACKLOG = 1024
# Granian's own defaults: threads of its runtime, its further threads (none is used by WSGI), and the seconds
# after which a request thread that nothing needs ends.
_RUNTIME_THREADS, _RUNTIME_SPARE, _THREAD_IDLE_S = 1, 512, 30
_NO_TLS: tuple[Any, ...] = (False, None, None, None, "tls1.3", None, [], False)


def raise_file_limit() -> int:
    """Lift the soft limit of open files to the hard one and return it: a connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Server:
    """Serve `app` on `host:port` (0 picks a free port; `port` then tells which).

    `threads` bounds the requests handled at once, `max_connections` the open connections (further ones
    wait in the kernel's backlog), `header_timeout_s` the time a client has to send its headers,
    `send_timeout_s` the time it may leave sent bytes unacknowledged before the connection is given up.
    """

    def __init__(
        self,
        app: WsgiApp,
        host: str,
        port: int,
        *,
        threads: int = 16,
        max_connections: int = 256,
        header_timeout_s: float = 10.0,
        stop_timeout_s: int = 10,
        send_timeout_s: float = 30.0,
    ) -> None:
        engine = load_engine()
        # What it logs is what a hostile client provokes; faults of ours are logged by the application.
        logging.getLogger("_granian").setLevel(logging.CRITICAL)
        self._listener = _listen(host, port, send_timeout_s)
        self.port: int = self._listener.getsockname()[1]
        self._stop_timeout_s = stop_timeout_s
        self._ended = threading.Event()
        self._signal = engine.WorkerSignal()
        self._signal.add_cb(self._ended.set)
        self._scheduler = scheduler(engine, app)
        # We bind: granian would with SO_REUSEPORT, so that a second server on a taken port shares it in silence.
        self._worker = engine.WSGIWorker(
            1,
            (None, engine.SocketHolder(self._listener.fileno(), False, BACKLOG)),
            None,
            _RUNTIME_THREADS,
            _RUNTIME_SPARE,
            threads,
            _THREAD_IDLE_S,
            max_connections,
            "1",
            Http1(int(header_timeout_s * 1000)),
            None,
            None,
            *_NO_TLS,
            (None, None),
        )

    def start(self) -> None:
        """Begin to answer and return."""
        self._worker.serve_mtr(self._scheduler, None, self._signal)
        # It closes the descriptor when it ends; closing its number a second time would hit whoever has it by then.
        self._listener.detach()

    def stop(self) -> None:
        """Accept no more, let answers under way finish (bounded by `stop_timeout_s`), and return."""
        self._signal.set()
        self._ended.wait(self._stop_timeout_s)


def _listen(host: str, port: int, send_timeout_s: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every accepted connection: a reader that stops reading must not hold its place for ever.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(send_timeout_s * 1000))
        # Inherited as well: without it an answer of more than one write waits for the client's delayed ACK (25 ms).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        raise StartError(f"cannot listen on {host}:{port}: {exc.strerror}; choose another port") from None
    return listener

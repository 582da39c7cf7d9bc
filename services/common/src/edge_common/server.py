"""One WSGI callable on one port, served by granian's Rust HTTP engine in threads of this process.

Granian's own command forks workers; a gateway wants one process a model, so its thread-based server is
driven directly. See docs/adr/0001-granian-in-process.md.
"""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Callable, Iterable
from typing import Any, cast

from granian import _granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.http import HTTP1Settings
from granian.server import MTServer

from edge_common.errors import StartError

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

# Connections waiting to be accepted; a burst of reconnecting clients after a restart fits.
BACKLOG = 1024


def raise_file_limit() -> int:
    """Lift the soft limit of open files to the hard one and return it: a connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Server(MTServer):
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
        self._listener = _listen(host, port, send_timeout_s)
        self.port: int = self._listener.getsockname()[1]
        self._app = app
        super().__init__(
            "edge",
            address=host,
            port=self.port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=threads,
            runtime_mode=RuntimeModes.mt,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=max_connections,
            http1_settings=HTTP1Settings(header_read_timeout=int(header_timeout_s * 1000)),
            workers_kill_timeout=stop_timeout_s,
            log_enabled=False,
        )
        logging.getLogger("_granian").setLevel(logging.CRITICAL)

    def _init_shared_socket(self) -> None:
        # Granian would bind with SO_REUSEPORT, so that a second server on a taken port shares it in silence.
        self._ssp: Any = None
        self._shd: Any = cast(Any, _granian).SocketHolder(self._listener.fileno(), False, BACKLOG)

    def start(self) -> None:
        """Begin to answer and return. Call it in the main thread, then set your signal handlers."""
        cast(Any, self).startup(self._spawn_wsgi_worker, self._app)

    def stop(self) -> None:
        """Accept no more, let answers under way finish (bounded by `stop_timeout_s`), and return."""
        workers: list[Any] = self.wrks
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join(self.workers_kill_timeout)


def _listen(host: str, port: int, send_timeout_s: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every accepted connection: a reader that stops reading must not hold its place for ever.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(send_timeout_s * 1000))
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        raise StartError(f"cannot listen on {host}:{port}: {exc.strerror}; choose another port") from None
    return listener

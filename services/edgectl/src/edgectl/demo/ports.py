"""Find free ports, and say who holds those that are not."""

from __future__ import annotations

import socket
from collections.abc import Callable

import psutil


def is_free(port: int) -> bool:
    """Return True when a listener could take `port` on every address right now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return "name (pid n)" of the process that listens on `port`; "another program" when it may not be seen."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another program"


def pick(wanted: int, taken: set[int], say: Callable[[str], None]) -> int:
    """Return `wanted` when it is free (0 means any), else a free one, saying which was taken and by whom.

    `taken` are ports already given away; the returned one joins them.
    """
    port = wanted
    if wanted == 0 or wanted in taken or not is_free(wanted):
        port = _any(taken)
        if wanted in taken:
            say(f"port {wanted} is asked for twice; using {port} for the second")
        elif wanted != 0:
            say(f"port {wanted} is taken by {holder(wanted)}; using {port}")
    taken.add(port)
    return port


def _any(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port

"""Find and shut the connections whose request body does not come to an end.

Granian reads a body in the thread that asks for it; that read cannot be interrupted, and it does not tell which
connection it reads from. The kernel does: the connection of an overdue body comes from the same address, was active
when the body began, and has been sent nothing since. One that waits long for its own answer looks the same from
outside, but for its last byte, which came when that request was whole; where the two cannot be told apart, both are
left until the answer is out. Shutting a connection ends the read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# struct tcp_info (linux/tcp.h, since 4.19): tcpi_last_data_sent and tcpi_last_data_recv (ms ago), tcpi_bytes_sent,
# tcpi_bytes_retrans.
_TCP_INFO = struct.Struct("=44xI4xI144xQQ")
# Between a request's arrival at the kernel and the moment its thread asks for the body, in seconds.
SLACK_S = 0.5
# A connection's last byte and the moment its request was whole lie within this.
ALIKE_S = 0.25
# Answers sooner than this are out before the next look; taking them for long ones would shield a busy address.
SHORT_ANSWER_S = 1.0
Key = tuple[int, int]  # file descriptor, inode


@dataclass(slots=True, eq=False)
class Body:
    """A request's body: from whom, since when it is read, when it was whole (time.monotonic()), bytes set aside."""

    address: str
    started: float
    whole: float = 0.0
    held: int = 0
    suspects: dict[Key, int] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """What the kernel knows of one connection; times in time.monotonic(), `sent` without retransmissions."""

    key: Key
    address: str
    sent: int
    received_at: float
    active_at: float


def look(reading: Collection[Body], answering: Collection[Body], now: float, limit_s: float) -> None:
    """Note who may owe the rest of each body, and shut them once it is overdue."""
    addresses = {body.address for body in reading}
    connections = {found.key: found for found in _connections(addresses, now)}
    for body in reading:
        body.suspects = _suspects(body, connections)
        if now - body.started > limit_s:
            waiting = [
                other.whole
                for other in answering
                if other.address == body.address and now - other.whole > SHORT_ANSWER_S
            ]
            for key in body.suspects:
                if all(abs(connections[key].received_at - whole) > ALIKE_S for whole in waiting):
                    _shut(key)


def _suspects(body: Body, connections: dict[Key, Connection]) -> dict[Key, int]:
    if body.suspects is None:
        return {
            key: found.sent
            for key, found in connections.items()
            if found.address == body.address and found.active_at >= body.started - SLACK_S
        }
    # Whoever has been sent something meanwhile has had an answer: another request's.
    return {key: sent for key, sent in body.suspects.items() if key in connections and connections[key].sent == sent}


def _connections(addresses: set[str], now: float) -> Iterator[Connection]:
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError, struct.error):
            fd = int(entry.name)
            status = os.fstat(fd)
            if not stat.S_ISSOCK(status.st_mode):
                continue
            # Only looked at: `detach` leaves the descriptor to its owner.
            peek = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)
            try:
                peer = peek.getpeername()
                if not isinstance(peer, tuple) or peer[0] not in addresses:
                    continue
                raw = peek.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            finally:
                peek.detach()
            last_sent, last_received, sent, again = _TCP_INFO.unpack_from(raw)
            times = now - last_received / 1000, now - last_sent / 1000
            yield Connection((fd, status.st_ino), peer[0], sent - again, times[0], max(times))


def _shut(key: Key) -> None:
    """Shut the connection, unless its descriptor has become another's meanwhile: the copy pins what was checked."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(key[0])) as connection:
        if os.fstat(connection.fileno()).st_ino == key[1]:
            connection.shutdown(socket.SHUT_RDWR)


def pause_s(period_s: float, took_s: float) -> float:
    """How long to rest after a look that took `took_s`: with very many connections it stays a tenth of a core."""
    return max(period_s, 9 * took_s)

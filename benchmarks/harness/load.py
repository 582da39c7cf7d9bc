"""Closed-loop HTTP client in a process of its own: epoll, raw sockets, kept-alive connections.

    python load.py PORT CONNECTIONS SECONDS REQUEST_FILE ANSWER_FILE

sends the bytes of REQUEST_FILE over and over, each connection as soon as its last answer has come, and prints
{"rps", "p50_us", "p99_us", "count"}. Any answer that is not a whole 200 ends it with exit code 1. The last
answer, head and body, goes into ANSWER_FILE. Standard library only, so that the client stays as light as it can be.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from pathlib import Path

# Answers within the warm-up are not counted.
WARMUP_S = 0.2
_SILENCE_S = 20.0


class Connection:
    """One kept-alive connection with at most one request under way."""

    __slots__ = ("answer", "expected", "pending", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_SILENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.pending = b""
        self.answer = b""
        self.expected = 0

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read what came; True when the answer is whole (and a 200)."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise SystemExit(f"the server closed a connection after {self.pending[:200]!r}")
        whole = self.pending + piece if self.pending else piece
        if len(whole) != self.expected and not self._complete(whole):
            self.pending = whole
            return False
        if not whole.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not a 200: {whole[:300]!r}")
        self.pending, self.answer = b"", whole
        return True

    def _complete(self, whole: bytes) -> bool:
        """The same request gets an answer of the same size; only another size is parsed."""
        head, end, body = whole.partition(b"\r\n\r\n")
        if not end:
            return False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
                self.expected = len(whole) if len(body) == size else 0
                return len(body) == size
        raise SystemExit(f"an answer without Content-Length: {head[:300]!r}")


def drive(port: int, count: int, seconds: float, request: bytes) -> tuple[list[float], float, bytes]:
    """Return (latencies in s, measured s, last answer)."""
    poller = select.epoll()
    connections = {}
    for _ in range(count):
        connection = Connection(port)
        connections[connection.socket.fileno()] = connection
        poller.register(connection.socket, select.EPOLLIN)
    latencies: list[float] = []
    clock = time.perf_counter
    begin = clock() + WARMUP_S
    end = begin + seconds
    for connection in connections.values():
        connection.send(request)
    now = clock()
    while now < end:
        events = poller.poll(_SILENCE_S)
        if not events:
            raise SystemExit(f"no answer for {_SILENCE_S:g} s")
        for fd, _ in events:
            connection = connections[fd]
            if connection.receive():
                now = clock()
                if now >= begin:
                    latencies.append(now - connection.sent_at)
                connection.send(request)
    answer = max((c.answer for c in connections.values()), key=len)
    return latencies, now - begin, answer


def main() -> None:
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    latencies, took, answer = drive(port, count, seconds, Path(sys.argv[4]).read_bytes())
    Path(sys.argv[5]).write_bytes(answer)
    if not latencies:
        raise SystemExit("no answer came after the warm-up")
    latencies.sort()
    result = {
        "rps": len(latencies) / took,
        "p50_us": latencies[len(latencies) // 2] * 1e6,
        "p99_us": latencies[int(len(latencies) * 0.99)] * 1e6,
        "count": len(latencies),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""Slow, greedy and many clients: the service goes on answering the others."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import onnx_models
from live import Service, until

ASK = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'
INFER = "/v2/models/doubler/infer"
pytestmark = pytest.mark.load


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    model = onnx_models.doubler(tmp_path / "doubler.onnx")
    running = Service(model, tmp_path / "log", "--body-timeout-ms", "1000", "--header-timeout-ms", "1000")
    yield running
    assert running.stop() == 0


@contextlib.contextmanager
def connections(port: int, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)))
            if first:
                opened[-1].sendall(first)
        yield opened


def answered(service: Service) -> bool:
    started = time.monotonic()
    assert service.request("POST", INFER, ASK)[0] == 200
    assert service.get("/v2/health/live")[0] == 200
    return time.monotonic() - started < 5


def ended(connection: socket.socket) -> bool:
    """Read until the server closes; True for an end or a reset."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(f"POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{{".encode(), id="slow-bodies"),
        pytest.param(f"POST {INFER} HTTP/1.1\r\nHo".encode(), id="slow-headers"),
    ],
)
def test_200_slow_senders_are_cut_and_others_answered(service: Service, first: bytes) -> None:
    with connections(service.port, 200, first) as slow:
        for _ in range(5):
            assert answered(service)
        assert all(ended(connection) for connection in slow)
        assert answered(service)


STALLED = f"POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{{".encode()
WHOLE = f"POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(ASK)}\r\n\r\n".encode() + ASK


def _expecting(connection: socket.socket) -> None:
    connection.sendall(STALLED[:-1].replace(b"Host", b"Expect: 100-continue\r\nHost"))
    assert connection.recv(100).startswith(b"HTTP/1.1 100")


def _pipelined(connection: socket.socket) -> None:
    connection.sendall(WHOLE + STALLED)
    assert b'"outputs"' in connection.recv(4096)


def _kept_alive(connection: socket.socket) -> None:
    for _ in range(3):
        connection.sendall(WHOLE)
        assert b'"outputs"' in connection.recv(4096)
    connection.sendall(STALLED)


def _trickling(connection: socket.socket) -> None:
    connection.sendall(STALLED)
    with contextlib.suppress(ConnectionError):
        while True:
            connection.sendall(b" ")
            # The trickle itself: a byte every tenth of the limit. Its end is the server's doing.
            connection.settimeout(0.2)
            try:
                if not connection.recv(100):
                    return
            except TimeoutError:
                continue


@pytest.mark.parametrize("stall", [_expecting, _pipelined, _kept_alive, _trickling], ids=lambda f: f.__name__)
def test_a_stalled_body_is_cut_however_it_began(service: Service, stall: Callable[[socket.socket], None]) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        stall(connection)
        connection.settimeout(10)
        assert ended(connection)
    assert answered(service)


def test_a_long_inference_beside_slow_senders_of_the_same_address_is_not_cut(tmp_path: Path) -> None:
    model = onnx_models.slow(tmp_path / "slow.onnx")
    service = Service(
        model, tmp_path / "log", "--body-timeout-ms", "1000", "--max-in-flight", "1", "--queue-wait-ms", "60000"
    )
    spec = service.get("/v2/models/slow")[1]["inputs"][0]
    once = json.dumps({"inputs": [spec | {"shape": [1], "data": [100]}]}).encode()
    started = time.monotonic()
    assert service.request("POST", "/v2/models/slow/infer", once)[0] == 200
    # Long enough to be under way for twice the limit, whatever this machine's speed.
    rounds = int(100 * 2 / (time.monotonic() - started))
    long = json.dumps({"inputs": [spec | {"shape": [1], "data": [rounds]}]}).encode()
    stalled = STALLED.replace(INFER.encode(), b"/v2/models/slow/infer")
    statuses: list[int] = []
    waiting = [
        threading.Thread(target=lambda: statuses.append(service.request("POST", "/v2/models/slow/infer", long)[0]))
        for _ in range(2)
    ]
    with connections(service.port, 5, stalled) as slow:
        for thread in waiting:
            thread.start()
        assert all(ended(connection) for connection in slow)
        for thread in waiting:
            thread.join(30)
    assert statuses == [200, 200]
    assert service.stop() == 0


def test_more_slow_bodies_than_readers_leave_health_answering(tmp_path: Path) -> None:
    model = onnx_models.doubler(tmp_path / "doubler.onnx")
    service = Service(model, tmp_path / "log", "--max-slow-bodies", "20", "--body-timeout-ms", "1000")
    first = f"POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{{".encode()
    with connections(service.port, 100, first):
        assert service.get("/v2/health/ready")[0] == 200
        until(lambda: service.request("POST", INFER, ASK)[0] == 200, "answered once the slow ones are cut")
    assert service.stop() == 0


def test_10_000_open_connections(service: Service) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 500)
    if count < 10_000:
        pytest.skip(f"this machine allows {hard} open files; 10,000 connections need 10,500")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with connections(service.port, count, b""):
            for _ in range(3):
                assert answered(service)
        assert answered(service)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""What a client sends or claims does not grow the process: its own resident memory is the witness."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import onnx_models
from live import Service

INFER = "/v2/models/doubler/infer"
ASK = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'
pytestmark = pytest.mark.load


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The default body limit: 16 MiB."""
    folder = tmp_path_factory.mktemp("memory")
    running = Service(onnx_models.doubler(folder / "doubler.onnx"), folder / "log")
    assert running.request("POST", INFER, ASK)[0] == 200
    yield running
    assert running.stop() == 0


def peak_mb(service: Service) -> float:
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.parametrize("path", [INFER, "/predict"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_413_and_stays_packed(service: Service, path: str, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = pack(bytes(200 * 2**20), 1)
    before = peak_mb(service)
    for _ in range(3):
        status, _, body = service.request("POST", path, bomb, {"Content-Encoding": encoding})
        assert status == 413 and json.loads(body)["code"] == "body_too_large"
    # The limit's 16 MiB twice over: the unpacked beginning, and what the allocator keeps of it.
    assert peak_mb(service) - before < 64


@pytest.mark.parametrize("shape", [[2**40, 2], [2**31, 2], [2**62, 2]])
def test_claimed_dims_allocate_nothing(service: Service, shape: list[int]) -> None:
    before = peak_mb(service)
    for extra in ({"data": [1, 2]}, {"parameters": {"binary_data_size": 8}}):
        entry = {"name": "x", "datatype": "FP32", "shape": shape} | extra
        assert service.request("POST", INFER, json.dumps({"inputs": [entry]}).encode())[0] == 400
    assert peak_mb(service) - before < 16


def test_an_endless_chunked_body_is_cut_at_the_limit(service: Service) -> None:
    before, sent = peak_mb(service), 0
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        try:
            while sent < 200 * 2**20:
                connection.sendall(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass  # cut while sending, as it should be
    assert sent < 200 * 2**20
    assert peak_mb(service) - before < 96
    assert service.request("POST", INFER, ASK)[0] == 200

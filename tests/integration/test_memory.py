"""What a client sends or claims does not grow the process: its own resident memory is the witness."""

from __future__ import annotations

import gzip
import io
import json
import socket
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

import onnx_models
from edge_common.bundle import sha256_of
from live import Service, until

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
    return _status_mb(service, "VmHWM:")


def _status_mb(service: Service, key: str) -> float:
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


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


def test_large_json_is_read_one_at_a_time(service: Service) -> None:
    """As objects, four megabytes of empty lists are a hundred: not for each of sixteen clients at once."""
    body = b'{"inputs": [' + b"[]," * (4 * 2**20 // 3 - 10)
    before = peak_mb(service)
    assert crowd(service, 16, INFER, gzip.compress(body, 1), {"Content-Encoding": "gzip"}) <= {400, 429}
    assert peak_mb(service) - before < 400
    status, _, answer = service.request("POST", INFER, body + b"[]," * 2**20)
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")


def test_pictures_that_unpack_to_much_are_decoded_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    model = onnx_models.brightness(folder / "model.onnx")
    (folder / "model.toml").write_text(
        'schema = 1\nname = "b"\nversion = "1.0.0"\ntask = "tensor"\n[file]\npath = "model.onnx"\n'
        f'sha256 = "{sha256_of(model)}"\n[image]\ninput = "image"\nmax_side = 64\n'
    )
    service = Service(folder, tmp_path / "log")
    picture = io.BytesIO()
    Image.new("RGB", (4990, 4990)).save(picture, "PNG")
    before = peak_mb(service)
    assert crowd(service, 12, "/predict", picture.getvalue(), {}) <= {200, 429}
    # 25 million pixels are 75 MB, once for the picture and once more while it is scaled; not twelve times.
    assert peak_mb(service) - before < 300
    assert service.stop() == 0


def crowd(service: Service, size: int, path: str, body: bytes, headers: dict[str, str]) -> set[int]:
    with ThreadPoolExecutor(size) as pool:
        return {reply[0] for reply in pool.map(lambda _: service.request("POST", path, body, headers), range(size))}


def test_a_burst_gives_its_memory_back(service: Service) -> None:
    """Frames of a megabyte from many clients at once; a few seconds later the process is near what it was."""
    before = resident_mb(service)
    frame = b'{"inputs": [], "pad": "' + b"x" * 2**20 + b'"}'
    assert crowd(service, 48, INFER, frame, {}) <= {400, 429}
    until(lambda: resident_mb(service) - before < 48, "its memory given back")


def resident_mb(service: Service) -> float:
    return _status_mb(service, "VmRSS:")


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

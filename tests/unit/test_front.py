"""The door, called as the HTTP engine calls it: whatever comes, the answer is the client's to read, never a 500."""

from __future__ import annotations

import io
import json
import logging
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import onnx_models
from edge_common.body import BodyReader
from edge_common.bundle import read_bundle, sha256_of
from edge_common.settings import load_settings
from edge_inference.app import create_app
from edge_inference.cpu import CpuLimit
from edge_inference.front import Front
from edge_inference.service import Service, process_started
from edge_inference.settings import Settings

ASK = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
Reply = tuple[int, dict[str, str], bytes]


class Door:
    """A loaded service behind its WSGI callable."""

    def __init__(self, model: Path, **more: str) -> None:
        options = load_settings(Settings, {}, {"model": str(model), "threads": "1", **more})
        self.service = Service(options, read_bundle(model), CpuLimit(1.0, 1))
        bodies = BodyReader(max_bytes=2**20, max_readers=8, timeout_s=5, max_total_bytes=2**22)
        self.front = Front(self.service, bodies, lambda: create_app(self.service))

    def load(self) -> Door:
        self.service.load(process_started())
        return self

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_NAME": "a",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            **headers,
        }
        found: list[Any] = []
        pieces = self.front(environ, lambda status, headers: found.extend((int(status[:3]), dict(headers))))
        return found[0], found[1], b"".join(pieces)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    yield Door(onnx_models.doubler(tmp_path_factory.mktemp("door") / "doubler.onnx")).load()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Door:
    folder = tmp_path_factory.mktemp("pictures")
    onnx_models.brightness(folder / "model.onnx")
    (folder / "labels.txt").write_text("red, or so\ngreen\nblue\n")
    (folder / "model.toml").write_text(
        'schema = 1\nname = "pictures"\nversion = "1.0.0"\ntask = "classification"\n'
        f'[file]\npath = "model.onnx"\nsha256 = "{sha256_of(folder / "model.onnx")}"\n'
        '[image]\ninput = "image"\nmax_side = 64\n[answer]\nlabels = "labels.txt"\nprobabilities = "share"\n'
    )
    return Door(folder).load()


def _is_told(reply: Reply) -> None:
    status, headers, body = reply
    assert status < 500, body
    if status != 200:
        assert headers["Content-Type"] == "application/json"
        assert json.loads(body).keys() == {"error", "code", "request_id"}


# Fragments a hostile or clumsy client puts where something else belongs, tokens beyond the standard included.
WORDS = st.sampled_from(["NaN", "-Infinity", '"\\ud800"', "1e999", "1" + "0" * 400, "null", "[]", "{}", '"x"', "-1"])


@given(word=WORDS, at=st.sampled_from(["name", "shape", "datatype", "data", "id", "timeout", "output", "size"]))
def test_no_odd_value_in_any_field_is_a_500(door: Door, word: str, at: str) -> None:
    fields = {"name": '"x"', "shape": "[1, 2]", "datatype": '"FP32"', "data": "[NaN, 2]"}
    top = {"id": '"a"', "timeout": "0", "output": '"y"'}
    size = f', "parameters": {{"binary_data_size": {word}}}' if at == "size" else ""
    values = {**fields, **top} | {at: word}
    entry = ", ".join(f'"{key}": {values[key]}' for key in fields)
    body = (
        f'{{"id": {values["id"]}, "parameters": {{"timeout": {values["timeout"]}}}, '
        f'"outputs": [{{"name": {values["output"]}}}], "inputs": [{{{entry}{size}}}]}}'
    )
    _is_told(door.ask("POST", "/v2/models/doubler/infer", body.encode()))
    _is_told(door.ask("POST", "/predict", f'{{"instances": [[{word}, NaN], {word}]}}'.encode()))


@given(
    body=st.binary(max_size=200), length=st.none() | st.integers(0, 250).map(str), coding=st.sampled_from(["", "gzip"])
)
def test_random_bytes_are_never_a_500(door: Door, body: bytes, length: str | None, coding: str) -> None:
    headers = {"HTTP_INFERENCE_HEADER_CONTENT_LENGTH": length} if length is not None else {}
    if coding:
        headers["HTTP_CONTENT_ENCODING"] = coding
    _is_told(door.ask("POST", "/v2/models/doubler/infer", body, **headers))
    _is_told(door.ask("POST", "/predict", body, **headers))


def _exif_jpeg() -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x011A] = 72.0
    Image.new("RGB", (16, 8), (200, 10, 10)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("P", (16, 8)).save(out, "PNG")
    return out.getvalue()


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=st.sampled_from([_exif_jpeg(), _png()]))
def test_damaged_pictures_are_never_a_500(pictures: Door, data: st.DataObject, seed: bytes) -> None:
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(3, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    _is_told(pictures.ask("POST", "/predict", bytes(damaged[: data.draw(st.integers(4, len(damaged)))])))


@pytest.mark.parametrize(
    "shape", [[1, 0, 2**62, 3], [1, 2**62, 0, 3], [1, 0, 2**63 - 1, 3], [1, 2**63, 0, 3], [1, -1, 0, 3]], ids=str
)
@pytest.mark.parametrize("form", [{"data": []}, {"parameters": {"binary_data_size": 0}}], ids=["json", "binary"])
def test_no_elements_in_huge_dims_are_the_clients_fault(pictures: Door, shape: list[int], form: dict[str, Any]) -> None:
    entry = {"name": "image", "datatype": "UINT8", "shape": shape, **form}
    assert pictures.ask("POST", "/v2/models/pictures/infer", json.dumps({"inputs": [entry]}).encode())[0] == 400


def test_sixteen_bits_a_channel_are_scaled_not_cut(pictures: Door) -> None:
    raw = struct.pack(">4H", 0, 0x4000, 0x8000, 0xC000)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"\0" + raw[:4] + b"\0" + raw[4:]
    header = struct.pack(">IIBBBBB", 2, 2, 16, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    status, _, body = pictures.ask("POST", "/predict", png)
    (row,) = json.loads(body)["predictions"]
    assert status == 200 and row["score"] == (0 + 0x40 + 0x80 + 0xC0) / 4


def test_a_raw_request_needs_its_length(door: Door) -> None:
    """Without one, half a tensor on a broken connection would look like the whole of a smaller one."""
    headers = {"HTTP_INFERENCE_HEADER_CONTENT_LENGTH": "0"}
    assert door.ask("POST", "/v2/models/doubler/infer", bytes(16), **headers)[0] == 200
    environ_without = {**headers, "CONTENT_LENGTH": ""}
    status, _, body = door.ask("POST", "/v2/models/doubler/infer", bytes(16), **environ_without)
    assert status == 400 and b"Content-Length" in body


def test_one_call_has_one_request_id_in_answer_log_and_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    door = Door(onnx_models.doubler(tmp_path / "doubler.onnx"), access_log_rate="1").load()
    with caplog.at_level(logging.INFO, "edge_inference.access"):
        for path in ("/v2/models/doubler/infer", "/predict"):
            status, _, body = door.ask("POST", path, b"{")
            record = caplog.records[-1]
            assert vars(record)["request_id"] == json.loads(body)["request_id"]
            assert (vars(record)["status"], vars(record)["path"], vars(record)["bytes_in"]) == (status, path, 1)


def test_access_log_says_nothing_by_default(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert door.ask("POST", "/v2/models/doubler/infer", json.dumps(ASK).encode())[0] == 200
    assert caplog.records == []


@pytest.mark.parametrize("path", ["/", "/status", "/v2", "/v2/models/doubler", "/predict", "/v2/health/live"])
def test_a_sent_request_id_is_echoed_everywhere(door: Door, path: str) -> None:
    method, body = ("POST", b'{"instances": [[1, 2]]}') if path == "/predict" else ("GET", b"")
    status, headers, _ = door.ask(method, path, body, HTTP_X_REQUEST_ID="mine")
    assert (status, headers["X-Request-Id"]) == (200, "mine")


def test_predict_keeps_to_the_deadline_and_is_counted_as_sent(door: Door) -> None:
    body = b'{"instances": [[1, 2]]}'
    before = dict(door.service.recorder.bytes)
    assert door.ask("POST", "/predict", body, HTTP_X_REQUEST_TIMEOUT_MS="0.000001")[0] == 504
    assert door.ask("POST", "/predict", body, HTTP_X_REQUEST_TIMEOUT_MS="abc")[0] == 400
    status, _, answer = door.ask("POST", "/predict", body)
    after = door.service.recorder.bytes
    assert status == 200 and after["in"] - before["in"] == 3 * len(body) and after["out"] - before["out"] == len(answer)
    assert door.service.recorder.sums()["decode"][1] > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/predict", 405, "POST"),
        ("GET", "/v2/models/doubler/infer", 405, "POST"),
        ("POST", "/v2/health/live", 405, "GET, HEAD"),
        ("POST", "/v2//models/doubler/infer", 404, None),
        ("GET", "/v2//models/doubler", 404, None),
        ("POST", "/predict/", 404, None),
    ],
)
def test_no_redirects_and_405_names_what_is_allowed(
    door: Door, method: str, path: str, status: int, allow: str | None
) -> None:
    got, headers, _ = door.ask(method, path)
    assert (got, headers["Content-Type"]) == (status, "application/json")
    assert allow is None or set(allow.split(", ")) <= set(headers["Allow"].split(", "))


def test_a_body_too_many_is_429_and_what_is_over_is_given_back(tmp_path: Path) -> None:
    door = Door(onnx_models.doubler(tmp_path / "doubler.onnx")).load()
    packed = {"HTTP_CONTENT_ENCODING": "gzip"}
    for _ in range(20):  # each sets a megabyte aside of four
        assert door.ask("POST", "/v2/models/doubler/infer", b"x", **packed)[0] == 400
    bodies = BodyReader(max_bytes=2**20, max_readers=8, timeout_s=5, max_total_bytes=2**20)
    door.front = Front(door.service, bodies, lambda: create_app(door.service))
    assert door.ask("POST", "/v2/models/doubler/infer", b"x" * 2**19, **packed)[0] == 429
    assert door.ask("POST", "/v2/models/doubler/infer", json.dumps(ASK).encode())[0] == 200


def test_while_it_leaves_the_model_is_not_ready_but_served_until_it_closes(tmp_path: Path) -> None:
    door = Door(onnx_models.doubler(tmp_path / "doubler.onnx")).load()
    paths = ("/v2/health/ready", "/v2/models/doubler/ready")
    assert [door.ask("GET", path)[0] for path in paths] == [200, 200]
    door.service.leave("stopping", closing=False)
    assert [door.ask("GET", path)[0] for path in paths] == [503, 503]
    body = json.dumps(ASK).encode()
    assert door.ask("POST", "/v2/models/doubler/infer", body)[0] == 200
    door.service.leave("stopping", closing=True)
    status, headers, _ = door.ask("POST", "/v2/models/doubler/infer", body)
    assert (status, headers["Connection"], headers["Retry-After"]) == (503, "close", "1")
    assert door.ask("GET", "/status")[1]["Connection"] == "close"
    door.service.load(process_started())
    assert not door.service.ready, "a load that ends late does not make it ready again"


def test_a_model_nobody_could_measure_gets_a_slot_a_thread(tmp_path: Path) -> None:
    """Its zeros of 1x1 are over in no time, and say nothing of a real frame."""
    free = Door(onnx_models.brightness(tmp_path / "free.onnx")).load()
    assert free.service.plane().gate.limit == 1
    fixed = Door(onnx_models.scalar(tmp_path / "fixed.onnx")).load()
    assert fixed.service.plane().gate.limit == 64

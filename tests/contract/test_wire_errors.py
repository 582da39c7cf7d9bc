"""Every error of docs/inference-api.md against a real socket."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

import onnx_models
from live import Service

INFER = "/v2/models/doubler/infer"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("wire")
    model = onnx_models.doubler(folder / "doubler.onnx")
    running = Service(model, folder / "log", "--max-body-bytes", "65536", "--body-timeout-ms", "1000")
    yield running
    assert running.stop() == 0


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]} | changes


def ask(*inputs: Any, **top: Any) -> bytes:
    return json.dumps({"inputs": list(inputs) or [tensor()]} | top).encode()


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in tensor().items() if k != key}


NESTED = b'{"inputs": [], "x": ' + b"[" * 101 + b"]" * 101 + b"}"
ZEROS = gzip.compress(bytes(10_000_000))

ERRORS = [
    pytest.param("POST", INFER, b"{", {}, 400, id="malformed-json"),
    pytest.param("POST", INFER, b"[]", {}, 400, id="not-an-object"),
    pytest.param("POST", INFER, b"", {}, 400, id="empty"),
    pytest.param("POST", INFER, b"{}", {}, 400, id="no-inputs"),
    pytest.param("POST", INFER, b'{"inputs": {}}', {}, 400, id="inputs-not-a-list"),
    pytest.param("POST", INFER, b'{"inputs": [1]}', {}, 400, id="input-not-an-object"),
    pytest.param("POST", INFER, ask(without("name")), {}, 400, id="no-name"),
    pytest.param("POST", INFER, ask(without("shape")), {}, 400, id="no-shape"),
    pytest.param("POST", INFER, ask(without("datatype")), {}, 400, id="no-datatype"),
    pytest.param("POST", INFER, ask(without("data")), {}, 400, id="no-data"),
    pytest.param("POST", INFER, ask(tensor(shape=[2])), {}, 400, id="rank"),
    pytest.param("POST", INFER, ask(tensor(shape=[1, 3])), {}, 400, id="dim"),
    pytest.param("POST", INFER, ask(tensor(shape=[-1, 2])), {}, 400, id="negative-dim"),
    pytest.param("POST", INFER, ask(tensor(shape=[2**62, 2])), {}, 400, id="overflowing-dim"),
    pytest.param("POST", INFER, ask(tensor(shape=[10**9, 2])), {}, 400, id="huge-dim"),
    pytest.param("POST", INFER, ask(tensor(shape=[1.0, 2])), {}, 400, id="float-dim"),
    pytest.param("POST", INFER, ask(tensor(shape=[True, 2])), {}, 400, id="bool-dim"),
    pytest.param("POST", INFER, ask(tensor(datatype="INT64")), {}, 400, id="datatype"),
    pytest.param("POST", INFER, ask(tensor(datatype="FP99")), {}, 400, id="unknown-datatype"),
    pytest.param("POST", INFER, ask(tensor(data=[1.0])), {}, 400, id="element-count"),
    pytest.param("POST", INFER, ask(tensor(data=[1.0, "2"])), {}, 400, id="string-element"),
    pytest.param("POST", INFER, ask(tensor(data=[1.0, True])), {}, 400, id="bool-element"),
    pytest.param("POST", INFER, ask(tensor(data=[1.0, 1e39])), {}, 400, id="out-of-range"),
    pytest.param("POST", INFER, ask(tensor(data=[[1.0], [2.0]])), {}, 400, id="nested-wrong"),
    pytest.param("POST", INFER, ask(tensor(), tensor()), {}, 400, id="duplicate-input"),
    pytest.param("POST", INFER, ask(tensor(name="z")), {}, 400, id="unknown-input"),
    pytest.param("POST", INFER, b'{"inputs": []}', {}, 400, id="missing-input"),
    pytest.param("POST", INFER, ask(outputs=[{"name": "z"}]), {}, 400, id="unknown-output"),
    pytest.param("POST", INFER, ask(outputs=[{"name": "y"}] * 2), {}, 400, id="duplicate-output"),
    pytest.param("POST", INFER, ask(id=5), {}, 400, id="id-not-a-string"),
    pytest.param("POST", INFER, ask(parameters={"a": [1]}), {}, 400, id="parameter-not-plain"),
    pytest.param("POST", INFER, ask(parameters={"timeout": -1}), {}, 400, id="negative-timeout"),
    pytest.param("POST", INFER, ask(tensor(parameters={"binary_data_size": 8})), {}, 400, id="data-and-binary-size"),
    pytest.param("POST", INFER, ask(without("data") | {"parameters": {"binary_data_size": 8}}), {}, 400, id="no-tail"),
    pytest.param("POST", INFER, ask() + b"tail", {"Inference-Header-Content-Length": str(len(ask()))}, 400, id="tail"),
    pytest.param("POST", INFER, ask(), {"Inference-Header-Content-Length": "x"}, 400, id="header-length-text"),
    pytest.param("POST", INFER, ask(), {"Inference-Header-Content-Length": "99999"}, 400, id="header-length-over"),
    pytest.param("POST", INFER, b"abc", {"Inference-Header-Content-Length": "0"}, 400, id="raw-size"),
    pytest.param("POST", INFER, NESTED, {}, 400, id="too-deep"),
    pytest.param("POST", INFER, b'{"inputs": ' + b"[" * 30_000, {}, 400, id="far-too-deep"),
    pytest.param("POST", INFER, b'{"inputs": NaN' + b"[" * 30_000, {}, 400, id="far-too-deep-lenient"),
    pytest.param("POST", INFER, ask(), {"X-Request-Timeout-Ms": "soon"}, 400, id="timeout-text"),
    pytest.param("POST", INFER, b"junk", {"Content-Encoding": "gzip"}, 400, id="not-gzip"),
    pytest.param("POST", INFER, gzip.compress(ask())[:-5], {"Content-Encoding": "gzip"}, 400, id="cut-gzip"),
    pytest.param("POST", INFER, ask(), {"Content-Encoding": "br"}, 415, id="brotli"),
    pytest.param("POST", INFER, ZEROS, {"Content-Encoding": "gzip"}, 413, id="gzip-bomb"),
    pytest.param("POST", INFER, bytes(65_537), {}, 413, id="too-large"),
    pytest.param("POST", INFER, ask(), {f"x-{i}": "1" for i in range(70)}, 400, id="too-many-headers"),
    pytest.param("POST", INFER, ask(), {"X-Request-Timeout-Ms": "0.000001"}, 504, id="deadline"),
    pytest.param("POST", "/v2/models/other/infer", ask(), {}, 404, id="unknown-model"),
    pytest.param("POST", "/v2/models/doubler/versions/9/infer", ask(), {}, 404, id="unknown-version"),
    pytest.param("GET", "/v2/models/other", None, {}, 404, id="unknown-model-metadata"),
    pytest.param("GET", "/nothing", None, {}, 404, id="unknown-path"),
    pytest.param("GET", INFER, None, {}, 405, id="get-infer"),
    pytest.param("DELETE", "/v2", None, {}, 405, id="delete-server"),
    pytest.param("POST", "/v2/repository/models/doubler/load", b"{}", {}, 501, id="load"),
    pytest.param("POST", "/v2/repository/models/doubler/unload", b"", {}, 501, id="unload"),
    pytest.param("POST", "/predict", b"neither", {}, 400, id="predict-junk"),
    pytest.param(
        "POST", "/predict", b"\xff\xd8\xffjunk", {"Content-Type": "image/jpeg"}, 400, id="predict-no-image-model"
    ),
    pytest.param("POST", "/predict", b'{"instances": []}', JSON, 400, id="predict-no-instances"),
    pytest.param("POST", "/predict", b'{"instances": [["a", "b"]]}', JSON, 400, id="predict-wrong-type"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), ERRORS)
def test_error_contract(
    service: Service, method: str, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    got, reply_headers, reply = service.request(method, path, body, headers | {"X-Request-Id": "mine"})
    assert (got, reply_headers["content-type"]) == (status, "application/json")
    answer = json.loads(reply)
    assert answer.keys() == {"error", "code", "request_id"}
    assert answer["error"] and answer["request_id"] == "mine"
    assert "Traceback" not in answer["error"]


def test_a_refused_request_leaves_the_service_answering(service: Service) -> None:
    status, _, body = service.request("POST", INFER, ask(id="a"))
    assert status == 200
    assert json.loads(body) == {
        "model_name": "doubler",
        "model_version": "1",
        "id": "a",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [2.0, 4.0]}],
    }


def test_a_declared_two_gigabytes_are_refused_unread(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: 2147483648\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_nan_and_infinity_are_read_and_written_as_null(service: Service) -> None:
    body = ask().replace(b"1.0", b"NaN").replace(b"2.0", b"-Infinity")
    assert json.loads(service.request("POST", INFER, body)[2])["outputs"][0]["data"] == [None, None]


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/v2", {"name", "version", "extensions"}),
        ("/v2/", {"name", "version", "extensions"}),
        ("/v2/health/live", {"live"}),
        ("/v2/health/ready", {"ready"}),
        ("/v2/models/doubler", {"name", "versions", "platform", "inputs", "outputs", "parameters"}),
        ("/v2/models/doubler/versions/1/ready", {"name", "ready"}),
        ("/v2/models/doubler/stats", {"model_stats"}),
        ("/v2/models/stats", {"model_stats"}),
    ],
)
def test_endpoints(service: Service, path: str, keys: set[str]) -> None:
    status, answer = service.get(path)
    assert (status, set(answer)) == (200, keys)


def test_openapi_names_every_path_that_answers(service: Service) -> None:
    paths = service.get("/openapi.json")[1]["paths"]
    for path, operations in paths.items():
        if "get" in operations and "{" not in path:
            assert service.request("GET", path)[0] == 200, path


def test_every_series_is_there_and_counted(service: Service) -> None:
    text = service.metrics()
    for name in (
        'edge_inference_requests_total{model="doubler",outcome="rejected",version="1"} 0.0',
        "edge_inference_request_duration_seconds_bucket",
        'edge_inference_stage_duration_seconds_count{model="doubler",stage="queue",version="1"}',
        "edge_inference_batch_size_bucket",
        'edge_inference_bytes_total{direction="in"}',
        "edge_inference_model_info{",
        "edge_inference_model_load_seconds{",
        "edge_inference_selfcheck_seconds{",
        'edge_inference_ready{model="doubler",version="1"} 1.0',
        "edge_inference_threads ",
        "edge_inference_cpu_limit_cores ",
        "edge_inference_in_flight{",
        "edge_inference_queue_length{",
    ):
        assert name in text, name

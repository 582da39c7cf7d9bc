"""Every endpoint against a real server, each answer held to the server's own OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

import onnx_models
from live import Service

BASES = ("/v2/models/doubler", "/v2/models/doubler/versions/1")
ASK = json.dumps(
    {"id": "a/b ü", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("endpoints")
    running = Service(onnx_models.doubler(folder / "doubler.onnx"), folder / "log", "--name", "shelf-3")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    status, read = service.get("/openapi.json")
    assert status == 200
    found: dict[str, Any] = read
    return found


def check(document: dict[str, Any], path: str, method: str, status: int, answer: Any) -> None:
    """Hold `answer` to what the document says of it."""
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    schema = content["application/json"]["schema"] | {"components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)


def test_the_document_is_whole(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.") and {"title", "version"} <= document["info"].keys()
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(document)
    named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= schemas.keys()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"] and operation["responses"], path


def test_every_get_of_the_document_answers_as_it_says(service: Service, document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        if "get" in operations and "{" not in path and path != "/":
            status, answer = service.get(path)
            assert status == 200, path
            check(document, path, "get", 200, answer)


def test_server_metadata(service: Service) -> None:
    for path in ("/v2", "/v2/"):
        status, answer = service.get(path)
        assert status == 200 and answer["name"] == "shelf-3"
        assert {"binary_tensor_data", "statistics", "model_configuration"} <= set(answer["extensions"])


@pytest.mark.parametrize("base", BASES)
def test_model_metadata_config_and_ready(service: Service, base: str) -> None:
    answer = service.get(base)[1]
    assert answer["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert answer["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}]
    assert (answer["name"], answer["versions"], answer["platform"]) == ("doubler", ["1"], "onnxruntime_onnx")
    config = service.get(f"{base}/config")[1]
    assert config["max_batch_size"] == 0 and config["input"] == [
        {"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 2]}
    ]
    assert service.get(f"{base}/ready") == (200, {"name": "doubler", "ready": True})


@pytest.mark.parametrize("base", BASES)
def test_infer_echoes_and_is_as_documented(service: Service, document: dict[str, Any], base: str) -> None:
    status, headers, body = service.request("POST", f"{base}/infer?a=b", ASK, {"X-Request-Id": "r-1"})
    answer = json.loads(body)
    assert (status, headers["content-type"], headers["x-request-id"]) == (200, "application/json", "r-1")
    assert answer == {
        "id": "a/b ü",
        "model_name": "doubler",
        "model_version": "1",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [2, 4]}],
    }
    check(document, f"{base}/infer", "post", 200, answer)


@pytest.mark.parametrize(("status", "body"), [(400, b"{"), (400, b'{"inputs": []}')])
def test_a_refusal_is_as_documented(service: Service, document: dict[str, Any], status: int, body: bytes) -> None:
    found, headers, answer = service.request("POST", f"{BASES[0]}/infer", body, {"X-Request-Id": "r-2"})
    read = json.loads(answer)
    assert found == status and read["request_id"] == headers["x-request-id"] == "r-2"
    check(document, f"{BASES[0]}/infer", "post", status, read)


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"ready": true}'])
def test_repository_index(service: Service, body: bytes | None) -> None:
    status, _, answer = service.request("POST", "/v2/repository/index", body)
    assert status == 200
    assert json.loads(answer) == [{"name": "doubler", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("action", ["load", "unload"])
def test_load_and_unload_are_not_offered(service: Service, document: dict[str, Any], action: str) -> None:
    status, _, body = service.request("POST", f"/v2/repository/models/doubler/{action}", b"{}")
    assert status == 501 and json.loads(body)["code"] == "not_implemented"
    check(document, f"/v2/repository/models/{{name}}/{action}", "post", 501, json.loads(body))


@pytest.mark.parametrize("path", [*(f"{base}/stats" for base in BASES), "/v2/models/stats"])
def test_statistics_count_what_was_asked(service: Service, path: str) -> None:
    def counts() -> tuple[int, int, int]:
        (stats,) = service.get(path)[1]["model_stats"]
        parts = stats["inference_stats"]
        return stats["inference_count"], parts["success"]["count"], parts["fail"]["count"]

    before = counts()
    service.request("POST", f"{BASES[0]}/infer", ASK)
    service.request("POST", f"{BASES[0]}/infer", b"{")
    assert counts() == (before[0] + 1, before[1] + 1, before[2] + 1)


def test_the_page(service: Service) -> None:
    status, headers, body = service.request("GET", "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["content-security-policy"]
    text = body.decode()
    assert "<html" in text and "openapi.json" in text
    # No outside assets: every link of the page stays on this server.
    assert not [word for word in ('src="http', "src='http", "@import", "cdn.") if word in text]


def test_head_has_no_body_and_options_names_the_methods(service: Service) -> None:
    assert service.request("HEAD", "/v2")[::2] == (200, b"")
    status, headers, _ = service.request("OPTIONS", "/v2")
    assert status == 200 and "GET" in headers["allow"]


def test_metrics_in_both_forms_on_their_own_port_only(service: Service) -> None:
    for accept, kind in (
        ("", "text/plain"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics"),
    ):
        status, headers, body = service.request("GET", "/metrics", None, {"Accept": accept}, service.metrics_port)
        assert status == 200 and headers["content-type"].startswith(kind)
        assert b'edge_inference_ready{model="doubler",version="1"} 1.0' in body
    assert service.request("GET", "/metrics")[0] == 404


def test_health_takes_get_and_head_and_knows_two_words(service: Service) -> None:
    assert service.get("/v2/health/well")[0] == 404
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert service.request("HEAD", path)[::2] == (200, b"")
        for method in ("POST", "DELETE"):
            status, _, body = service.request(method, path, b"{}")
            assert status == 405 and json.loads(body)["code"] == "method_not_allowed"


def test_a_request_id_cannot_carry_a_line_end_or_grow_without_bound(service: Service) -> None:
    status, headers, body = service.request("GET", "/nowhere", None, {"X-Request-Id": "x" * 1000})
    assert status == 404 and headers["x-request-id"] == json.loads(body)["request_id"] == "x" * 128


@pytest.mark.parametrize(
    "path", ["/v2/models", "/v2/models/", "/v2/models/other", "/v2/models/doubler/versions/2", "/%00", "/v2/../etc"]
)
def test_unknown_paths_are_404_in_the_one_shape(service: Service, path: str) -> None:
    status, headers, body = service.request("GET", path)
    assert (status, headers["content-type"]) == (404, "application/json")
    assert set(json.loads(body)) == {"error", "code", "request_id"}

"""OpenAPI 3.1 of every endpoint, made from one table."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Any

_ERRORS = {
    "400": "the client's fault: the text says what was wanted and what came",
    "404": "unknown model, version or path",
    "405": "wrong method",
    "408": "the body did not arrive in time",
    "413": "body over the limit, as sent or unpacked",
    "415": "Content-Encoding other than gzip or deflate",
    "429": "all slots and the queue are taken; see Retry-After",
    "501": "not offered on purpose",
    "503": "loading, self-check failed, or draining; see Retry-After",
    "504": "the request's own deadline passed before it ran",
}
_INFER = ("400", "408", "413", "415", "429", "503", "504")


def openapi(model: str, version: str, server: str) -> dict[str, Any]:
    """Return the document for this server."""
    base = f"/v2/models/{model}"
    paths: dict[str, Any] = {
        "/": {"get": _operation("Page for people", {}, media="text/html")},
        "/openapi.json": {"get": _operation("This document", {"type": "object"})},
        "/status": {"get": _operation("What the page shows", {"type": "object"})},
        "/predict": {"post": _predict()},
        "/v2": {"get": _operation("Server metadata", _ref("ServerMetadata"))},
        "/v2/health/live": {"get": _operation("The process answers", _ref("Live"))},
        "/v2/health/ready": {"get": _operation("Loaded, warmed up and self-checked", _ref("Ready"), ("503",))},
        "/v2/models/stats": {"get": _operation("Statistics", _ref("Statistics"))},
        "/v2/repository/index": {"post": _operation("The one model and its state", {"type": "array"})},
        "/v2/repository/models/{name}/load": {"post": _refused("load")},
        "/v2/repository/models/{name}/unload": {"post": _refused("unload")},
    }
    for prefix in (base, f"{base}/versions/{version}"):
        paths[prefix] = {"get": _operation("Model metadata", _ref("ModelMetadata"), ("404", "503"))}
        paths[f"{prefix}/ready"] = {"get": _operation("Model ready", {"type": "object"}, ("404", "503"))}
        paths[f"{prefix}/config"] = {"get": _operation("Model configuration", {"type": "object"}, ("404", "503"))}
        paths[f"{prefix}/stats"] = {"get": _operation("Statistics", _ref("Statistics"), ("404",))}
        paths[f"{prefix}/infer"] = {"post": _infer()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": server,
            "version": installed_version("edge-inference"),
            "description": "Open Inference Protocol v2 for one model.",
        },
        "paths": paths,
        "components": {"schemas": _SCHEMAS},
    }


def _operation(
    summary: str, schema: dict[str, Any], errors: tuple[str, ...] = (), media: str = "application/json"
) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "ok", "content": {media: {"schema": schema}}}}
    for status in errors:
        content = {"application/json": {"schema": _ref("Error")}}
        responses[status] = {"description": _ERRORS[status], "content": content}
    return {"summary": summary, "responses": responses}


def _infer() -> dict[str, Any]:
    operation = _operation("Inference", _ref("InferResponse"), _INFER)
    operation["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": _ref("InferRequest")},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
    operation["parameters"] = [
        _header("Inference-Header-Content-Length", "bytes of the JSON part; the binary tensors follow it"),
        _header("X-Request-Timeout-Ms", "the request's own deadline, in milliseconds"),
        _header("X-Request-Id", "echoed, and named in errors and logs"),
    ]
    return operation


def _predict() -> dict[str, Any]:
    operation = _operation("A labelled answer a person can read", _ref("Predictions"), _INFER)
    operation["requestBody"] = {
        "required": True,
        "content": {
            "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {
                "schema": {"type": "object", "required": ["instances"], "properties": {"instances": {"type": "array"}}}
            },
        },
    }
    return operation


def _refused(action: str) -> dict[str, Any]:
    operation = _operation(f"{action}: a new version is a new container", {}, ("501",))
    operation["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    del operation["responses"]["200"]
    return operation


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


_TEXT = {"type": "string"}
_TENSOR = _object(
    ["name", "datatype", "shape"],
    name=_TEXT,
    datatype=_TEXT,
    shape={"type": "array", "items": {"type": "integer"}},
    data={"type": "array"},
    parameters={"type": "object"},
)
_TENSORS = {"type": "array", "items": _TENSOR}
_SCHEMAS = {
    "Error": _object(["error", "code", "request_id"], error=_TEXT, code=_TEXT, request_id=_TEXT),
    "Live": _object(["live"], live={"type": "boolean"}),
    "Ready": _object(["ready"], ready={"type": "boolean"}),
    "ServerMetadata": _object(
        ["name", "version", "extensions"], name=_TEXT, version=_TEXT, extensions={"type": "array", "items": _TEXT}
    ),
    "ModelMetadata": _object(
        ["name", "versions", "platform", "inputs", "outputs"],
        name=_TEXT,
        versions={"type": "array", "items": _TEXT},
        platform=_TEXT,
        inputs=_TENSORS,
        outputs=_TENSORS,
        parameters={"type": "object", "additionalProperties": _TEXT},
    ),
    "InferRequest": _object(
        ["inputs"], id=_TEXT, inputs=_TENSORS, outputs={"type": "array"}, parameters={"type": "object"}
    ),
    "InferResponse": _object(
        ["model_name", "model_version", "outputs"], id=_TEXT, model_name=_TEXT, model_version=_TEXT, outputs=_TENSORS
    ),
    "Predictions": _object(
        ["model_name", "model_version", "predictions"],
        model_name=_TEXT,
        model_version=_TEXT,
        predictions={"type": "array", "items": {"type": "object"}},
    ),
    "Statistics": _object(["model_stats"], model_stats={"type": "array", "items": {"type": "object"}}),
}

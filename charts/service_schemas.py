"""Schemas of what the services read, taken from the services' own code: no list here can fall behind."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge_camera.alerts import Alert
from edge_camera.config import Camera, Inference, Sinks
from edge_camera.settings import Settings as CameraSettings
from edge_camera.spool.config import SpoolConfig
from edge_inference.settings import Settings as InferenceSettings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Schema = dict[str, Any]
_TYPES: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}

# What the charts decide themselves.
INFERENCE_OWNED = frozenset({
    "model", "expect_name", "expect_version", "expect_sha256", "host", "port", "metrics_port", "cache_dir",
    "shutdown_delay_ms", "drain_timeout_ms", "budget",
})  # fmt: skip
CAMERA_OWNED = frozenset({"host", "port", "metrics_port", "gateway", "exit_at_end", "linger_s", "report", "answers"})


def camel(name: str) -> str:
    """`max_queue` as `maxQueue`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _settings(cls: type[DataclassInstance], owned: frozenset[str]) -> Schema:
    kinds = typing.get_type_hints(cls)
    properties = {}
    for field in dataclasses.fields(cls):
        if field.name not in owned:
            kind = next(k for k in (typing.get_args(kinds[field.name]) or (kinds[field.name],)) if k in _TYPES)
            properties[camel(field.name)] = {"type": _TYPES[kind], "description": field.metadata["help"]}
    return {"properties": properties, "additionalProperties": False}


def _struct(cls: type[msgspec.Struct], *without: str) -> Schema:
    """The schema of a config table: no references, no defaults, no required keys but those in `without`'s rest."""
    document = msgspec.json.schema(cls)
    schema: Schema = _resolve(document["$defs"][cls.__name__], document["$defs"])
    schema["properties"] = {name: each for name, each in schema["properties"].items() if name not in without}
    schema["required"] = [name for name in schema.get("required", []) if name not in without]
    if not schema["required"]:
        del schema["required"]
    return schema


def _resolve(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_resolve(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _resolve(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept = {key: each for key, each in node.items() if key not in {"title", "description", "default"}}
    return {
        key: {name: _resolve(one, definitions) for name, one in each.items()}
        if key == "properties"
        else _resolve(each, definitions)
        for key, each in kept.items()
        if (key, each) != ("required", [])
    }


GENERATED: dict[str, Callable[[], Schema]] = {
    "inference-settings": lambda: _settings(InferenceSettings, INFERENCE_OWNED),
    "camera-settings": lambda: _settings(CameraSettings, CAMERA_OWNED),
    "camera-inference": lambda: _struct(Inference, "url", "model"),
    "cameras": lambda: {"additionalProperties": _struct(Camera, "name")},
    "alerts": lambda: {"additionalProperties": _struct(Alert)},
    "sinks": lambda: _struct(Sinks, "spool"),
    "spool": lambda: _struct(SpoolConfig, "path"),
}

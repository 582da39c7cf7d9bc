"""Schemas of Kubernetes' quantities: what a typo in them would only be told by the API server, or by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

CPU: Schema = {"type": ["string", "number"], "minimum": 0, "pattern": r"^\d+(\.\d+)?m?$"}
# Without `m`: 384m is a valid amount of memory to Kubernetes, less than half a byte.
BYTES: Schema = {"type": ["string", "number"], "minimum": 0, "pattern": r"^\d+(\.\d+)?(k|M|G|T|Ki|Mi|Gi|Ti|e\d+)?$"}
# `memmory` would be taken by Kubernetes as a device of that name only with a domain before it.
_RESOURCES = r"^(cpu|memory|ephemeral-storage|hugepages-.+|.+/.+)$"


def _resource_list() -> Schema:
    return {
        "type": "object",
        "properties": {"cpu": CPU, "memory": BYTES, "ephemeral-storage": BYTES},
        "propertyNames": {"pattern": _RESOURCES},
        "additionalProperties": {"type": ["string", "number"], "minimum": 0},
    }


def _resources() -> Schema:
    return {
        "type": "object",
        "properties": {"requests": _resource_list(), "limits": _resource_list()},
        "additionalProperties": False,
    }


QUANTITIES: dict[str, Callable[[], Schema]] = {
    "cpu": lambda: CPU,
    "bytes": lambda: BYTES,
    "resource-list": _resource_list,
    "resources": _resources,
}

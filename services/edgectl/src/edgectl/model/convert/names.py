"""Names and types of a graph's tensors: the protocol's names for types, and names that were the framework's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_common.tensors import DTYPES
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

_DATATYPES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}


def datatype(source: str, name: str, dtype: Any) -> str:
    """Return the protocol's name of a numpy dtype or of its name; raise ModelError when there is none."""
    try:
        return _DATATYPES[np.dtype(np.object_ if str(dtype) == "string" else dtype)]
    except (KeyError, TypeError):
        raise ModelError(f"{source}: '{name}': want a type that can be served, found {dtype}") from None


def distinct(names: Iterable[str]) -> list[str]:
    """Return `names` without what TensorFlow adds (":0", "serving_default_"), each once."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r":\d+$", "", name).removeprefix("serving_default_") or "tensor"
        number = next(i for i in range(len(found) + 1) if (f"{plain}_{i}" if i else plain) not in found)
        found.append(f"{plain}_{number}" if number else plain)
    return found


def renamed(model: onnx.ModelProto, names: Mapping[str, str]) -> onnx.ModelProto:
    """Return `model`, changed in place: inputs and outputs are called as `names` (old -> new) says, everywhere."""
    taken = {name for node in model.graph.node for name in node.output} | {t.name for t in model.graph.initializer}
    inner = {new: f"{new}__inner" for new in names.values() if new in taken and new not in names}
    _rename(model.graph, {**inner, **names})
    return model


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for values in (graph.input, graph.output, graph.value_info, graph.initializer):
        for value in values:
            value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _rename(inner, names)


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return package -> version of those that are installed; XGBoost comes as xgboost or xgboost-cpu, and so on."""
    found = {}
    for package in packages:
        for name in (package, f"{package}-cpu"):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found

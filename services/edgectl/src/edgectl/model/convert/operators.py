"""Operators of a graph that no ONNX Runtime has, each with where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

# More do not fit the line; the number of all is said.
_SHOWN = 5


def refuse_unknown(source: str, model: onnx.ModelProto, advice: str) -> None:
    """Raise ModelError that lists the operators ONNX Runtime does not have; a converter leaves them in the graph."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    known = {(schema.domain, schema.name) for schema in state.get_all_operator_schema()}
    known |= {(function.domain, function.name) for function in model.functions}
    nodes = [*_nodes(model.graph), *(node for function in model.functions for node in function.node)]
    unknown = [node for node in nodes if (_domain(node.domain), node.op_type) not in known]
    if unknown:
        refuse(source, [(_title(node), node.name) for node in unknown], advice)


def refuse(source: str, found: Iterable[tuple[str, str]], advice: str) -> None:
    """Raise ModelError that lists (operator, layer or place in the model) without an ONNX operator, each once."""
    listed = list(dict.fromkeys(f"{operator} in '{place}'" if place else operator for operator, place in found))
    shown = ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
    raise ModelError(f"{source}: want operators that ONNX has, found {shown}; {advice}")


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(inner)


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _title(node: onnx.NodeProto) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type

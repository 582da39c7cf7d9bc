"""Operators of an exported program that torch.onnx has no translation for, each with its module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgectl.model.convert.operators import refuse

_ADVICE = "write those modules with other operators"


def refuse_unsupported(source: str, program: Any) -> None:
    """Raise ModelError that lists them all; return when the exporter failed for another reason.

    The exporter itself stops at the first and does not say where in the model it is.
    """
    from torch.onnx._internal.exporter import _decomp, _dispatching, _registration

    registry = _registration.ONNXRegistry.from_torchlib()
    known = _decomp.get_onnx_implemented_overloads(registry)
    plain = program.run_decompositions(_decomp.create_onnx_friendly_decomposition_table(known))
    nodes = [
        node for node in plain.graph.nodes if node.op == "call_function" and hasattr(node.target, "overloadpacket")
    ]
    found = [node for node in nodes if _dispatching.dispatch(node, registry)[0] is None]
    if found:
        refuse(source, _places(found), _ADVICE)


def _places(nodes: list[Any]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        path, kind = stack[-1] if stack else ("", "")
        kind = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
        yield str(node.target).removesuffix(".default"), path or kind.rpartition(".")[2]

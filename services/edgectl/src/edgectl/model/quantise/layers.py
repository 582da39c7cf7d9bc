"""Which nodes are layers, and which others between them are worth eight bits."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from edgectl.model.graphs import elements
from edgectl.model.quantise.plan import Layer

if TYPE_CHECKING:
    import onnx

CONVOLUTIONS = ("Conv", "ConvTranspose")
# ONNX Runtime's integer kernels of each method. Conv is not among the dynamic ones on purpose: it gets slower
# (MobileNetV2 at 0.28 of its speed).
STATIC = (*CONVOLUTIONS, "MatMul", "Gemm")
DYNAMIC = ("MatMul", "LSTM")
# Computed in the same step as the layer before.
ACTIVATIONS = ("Relu", "Clip", "LeakyRelu")
# Quantised only between quantised layers: elsewhere they are pre- or post-processing, whose numbers (pixels of a box,
# a head's Sigmoid) eight bits are too few for.
JOINTS = (
    *("Add", "Mul", "Concat", "Split", "Sigmoid", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean"),
    *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Resize", "Pad"),
)
# Of two tensors: with a constant they scale or shift, which is a layer's or post-processing's.
_OF_TWO = ("Add", "Mul")


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model`, changed in place: every node has a name of its own, as quantisers tell nodes by it."""
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        while node.name in taken:
            node.name += "_"
        taken.add(node.name)
    return model


def layers(model: onnx.ModelProto, operators: Collection[str]) -> list[Layer]:
    """Return the nodes of `operators` whose weights are float32 constants, in the graph's order."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == _float()}
    return [
        Layer(node.name, node.op_type, sum(elements(weights[name]) for name in node.input if name in weights))
        for node in model.graph.node
        if node.op_type in operators and not node.domain and len(node.input) > 1 and node.input[1] in weights
    ]


def with_joints(model: onnx.ModelProto, chosen: Collection[str]) -> list[str]:
    """Return the names of the layers `chosen` and of the nodes that belong to or lie between them."""
    constant = {tensor.name for tensor in model.graph.initializer}
    candidates = _following(model, chosen, constant)
    kept: list[str] = []
    needed: set[str] = set()
    for node in reversed(model.graph.node):
        if node.name in chosen or (node.name in candidates and _wanted(node, needed, candidates[node.name])):
            kept.append(node.name)
            needed.update(name for name in node.input if name not in constant)
    return kept


def _following(model: onnx.ModelProto, chosen: Collection[str], constant: Collection[str]) -> dict[str, bool]:
    """Return the nodes that have only eight-bit tensors to work on, and whether each belongs to the layer before."""
    eight: set[str] = set()
    found: dict[str, bool] = {}
    for node in model.graph.node:
        inputs = [
            name for name in node.input[: 1 if node.op_type == "Resize" else None] if name and name not in constant
        ]
        if node.name not in chosen:
            if node.op_type not in (*ACTIVATIONS, *JOINTS) or not inputs or not eight.issuperset(inputs):
                continue
            if node.op_type in _OF_TWO and len(inputs) < 2:
                continue
            found[node.name] = node.op_type in ACTIVATIONS
        eight.update(node.output)
    return found


def _wanted(node: Any, needed: Collection[str], belongs: bool) -> bool:
    return belongs or any(name in needed for name in node.output)


def _float() -> int:
    from onnx import TensorProto

    return int(TensorProto.FLOAT)

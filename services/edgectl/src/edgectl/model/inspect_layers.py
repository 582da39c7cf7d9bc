"""What each node of a graph holds and computes, as far as shape inference tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

# None is a rank or an extent that shape inference does not find.
Shape = tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One node; `macs` counts multiply-adds for the shapes in `shape`'s graph, None where they are not known.

    `parameters` are the elements of constant tensors that go in, through DequantizeLinear too.
    """

    name: str
    operator: str
    shape: Shape
    parameters: int
    macs: int | None


def layers_of(model: onnx.ModelProto, fixed: Mapping[str, Sequence[int]]) -> list[Layer]:
    """Return the nodes of the outer graph in its order; `fixed` (input name -> shape) settles what is free.

    A free first axis that `fixed` does not settle is a batch of one. `model` is changed.
    """
    _settle(model.graph, fixed)
    shapes = _shapes(model)
    constants = _constants(model.graph)
    return [_layer(node, shapes, constants) for node in model.graph.node if node.op_type != "Constant"]


def _settle(graph: onnx.GraphProto, fixed: Mapping[str, Sequence[int]]) -> None:
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        extents = fixed.get(value.name)
        if extents is not None and len(extents) == len(dims):
            for dim, extent in zip(dims, extents, strict=True):
                dim.dim_value = extent
        elif dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
    # Outputs may repeat a free batch by name, which no longer is one.
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    import onnx

    graph = model.graph
    del graph.value_info[:]
    # It fails on a graph over 2 GiB, and on shapes that contradict each other: what is declared must do then.
    with suppress(onnx.shape_inference.InferenceError, ValueError):
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape"):
            found[value.name] = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
    return found


def _constants(graph: onnx.GraphProto) -> dict[str, int]:
    """Return tensor name -> elements of all that is constant, unpacked weights too."""
    found = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = sum(math.prod(a.t.dims) for a in node.attribute if a.HasField("t"))
        elif node.op_type == "DequantizeLinear" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _layer(node: onnx.NodeProto, shapes: Mapping[str, Shape], constants: Mapping[str, int]) -> Layer:
    unpacks = node.op_type == "DequantizeLinear" and node.input[0] in constants
    return Layer(
        name=node.name or (node.output[0] if node.output else ""),
        operator=f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
        shape=shapes.get(node.output[0]) if node.output else None,
        # Counted where they are used, not where they are unpacked.
        parameters=0 if unpacks else sum(constants.get(name, 0) for name in node.input),
        macs=_macs(node, [shapes.get(name) for name in node.input], shapes.get(node.output[0])) if node.output else 0,
    )


def _macs(node: onnx.NodeProto, inputs: Sequence[Shape], output: Shape) -> int | None:
    """Return multiply-adds, 0 for an operator that does none worth counting, None where a shape is not known."""
    count = _counters().get(node.op_type)
    if count is None:
        return 0
    try:
        factors = list(count(node, inputs, output))
    except (IndexError, TypeError):
        return None
    return None if None in factors else math.prod(factor for factor in factors if factor is not None)


def _counters() -> dict[str, Callable[[Any, Sequence[Any], Any], Iterator[int | None]]]:
    """Operator -> the factors of its multiply-adds; TypeError for a shape that is None."""
    conv, integer_conv = _conv(1), _conv(3)
    return {
        "Conv": conv,
        "FusedConv": conv,
        "ConvInteger": conv,
        "QLinearConv": integer_conv,
        "ConvTranspose": _transposed,
        "MatMul": _product(-1),
        "MatMulInteger": _product(-1),
        "QLinearMatMul": _product(-1),
        "Gemm": _gemm,
        "FusedGemm": _gemm,
        "LSTM": _recurrent,
        "GRU": _recurrent,
        "RNN": _recurrent,
    }


def _conv(weights: int) -> Callable[[Any, Sequence[Any], Any], Iterator[int | None]]:
    def factors(_: Any, inputs: Sequence[Any], output: Any) -> Iterator[int | None]:
        yield from output
        yield from inputs[weights][1:]

    return factors


def _transposed(_: Any, inputs: Sequence[Any], __: Any) -> Iterator[int | None]:
    yield from inputs[0]
    yield from inputs[1][1:]


def _product(axis: int) -> Callable[[Any, Sequence[Any], Any], Iterator[int | None]]:
    def factors(_: Any, inputs: Sequence[Any], output: Any) -> Iterator[int | None]:
        yield from output
        yield inputs[0][axis]

    return factors


def _gemm(node: Any, inputs: Sequence[Any], output: Any) -> Iterator[int | None]:
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    yield from _product(0 if transposed else 1)(node, inputs, output)


def _recurrent(_: Any, inputs: Sequence[Any], __: Any) -> Iterator[int | None]:
    """Steps x batch x all weights of both directions."""
    yield from inputs[0][:2]
    weights, recurrent = inputs[1], inputs[2]
    yield math.prod(weights) + math.prod(recurrent)

"""Small graphs for tests, of IR 10 and opset 18: the onnx library's defaults are newer than ONNX Runtime reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

FLOAT, UINT8, STRING = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.STRING
Dims = Sequence[int | str]
Tensor = tuple[str, int, Dims]


def save(
    path: Path,
    nodes: Sequence[Any],
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    *,
    opset: int = 18,
    constants: Sequence[Any] = (),
) -> Path:
    """Write a graph of `nodes` and return `path`."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(*tensor) for tensor in inputs],
        [helper.make_tensor_value_info(*tensor) for tensor in outputs],
        initializer=list(constants),
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])
    onnx.save(model, str(path))
    return path


def doubler(path: Path, opset: int = 18) -> Path:
    """x FP32 [N, 2] -> y = 2 x."""
    node = helper.make_node("Add", ["x", "x"], ["y"])
    return save(path, [node], [("x", FLOAT, ["N", 2])], [("y", FLOAT, ["N", 2])], opset=opset)


def linear(path: Path) -> Path:
    """x FP32 [N, 2] -> y = x W, W [2, 3] of ones: six parameters."""
    weights = helper.make_tensor("w", FLOAT, [2, 3], [1.0] * 6)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return save(path, [node], [("x", FLOAT, ["N", 2])], [("y", FLOAT, ["N", 3])], constants=[weights])


def brightness(path: Path) -> Path:
    """image UINT8 [1, H, W, 3] -> share FP32 [1, 3], the mean of each channel."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["share"], keepdims=0),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])
    return save(path, nodes, [("image", UINT8, [1, "H", "W", 3])], [("share", FLOAT, [1, 3])], constants=[axes])


def echo(path: Path) -> Path:
    """text BYTES [N] -> said, the same."""
    node = helper.make_node("Identity", ["text"], ["said"])
    return save(path, [node], [("text", STRING, ["N"])], [("said", STRING, ["N"])])


def dice(path: Path) -> Path:
    """x FP32 [N] -> y, random at every run."""
    node = helper.make_node("RandomNormalLike", ["x"], ["y"])
    return save(path, [node], [("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])])


def quantised(path: Path) -> Path:
    """x FP32 [N] -> y, through eight bits and back."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    constants = [helper.make_tensor("scale", FLOAT, [], [0.1]), helper.make_tensor("zero", UINT8, [], [128])]
    return save(path, nodes, [("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])], constants=constants)


# Every datatype of the protocol and its type in ONNX.
DATATYPES: dict[str, int] = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def identity(path: Path, datatypes: Sequence[str] = tuple(DATATYPES), dims: Dims = ("N",)) -> Path:
    """One input in_<datatype> and one output out_<datatype> of the same values for each of `datatypes`."""
    nodes = [helper.make_node("Identity", [f"in_{kind}"], [f"out_{kind}"]) for kind in datatypes]
    # Each tensor has dims of its own: only the ranks are the same.
    sides = {
        side: [
            (f"{side}_{kind}", DATATYPES[kind], [f"{dim}_{kind}" if isinstance(dim, str) else dim for dim in dims])
            for kind in datatypes
        ]
        for side in ("in", "out")
    }
    return save(path, nodes, sides["in"], sides["out"])


def two_inputs(path: Path) -> Path:
    """a, b FP32 [N] -> sum, difference: the graph itself refuses lengths that differ."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])]
    inputs: list[Tensor] = [("a", FLOAT, ["N"]), ("b", FLOAT, ["M"])]
    return save(path, nodes, inputs, [("sum", FLOAT, ["K"]), ("difference", FLOAT, ["K"])])


def scalar(path: Path) -> Path:
    """s FP32 [] -> t = -s."""
    return save(path, [helper.make_node("Neg", ["s"], ["t"])], [("s", FLOAT, [])], [("t", FLOAT, [])])


def slow(path: Path, side: int = 256) -> Path:
    """steps INT64 [1] -> steps products of side x side matrices, done one after the other: the client picks how slow."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "w"], ["next"]), helper.make_node("Identity", ["go"], ["go_on"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", FLOAT, [side, side]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", FLOAT, [side, side]),
        ],
    )
    nodes = [
        helper.make_node("Squeeze", ["steps"], ["trips"]),
        helper.make_node("Loop", ["trips", "", "w"], ["state_end"], body=body),
        helper.make_node("ReduceMax", ["state_end"], ["y"], keepdims=0),
    ]
    weights = helper.make_tensor("w", FLOAT, [side, side], [1 / side] * side**2)
    return save(path, nodes, [("steps", TensorProto.INT64, [1])], [("y", FLOAT, [])], constants=[weights])


def frame(path: Path) -> Path:
    """image UINT8 [1, H, W, 3] -> one box around the whole image as the model sees it, score 0.75, class 1."""
    nodes = [
        helper.make_node("Shape", ["image"], ["extents"]),
        helper.make_node("Gather", ["extents", "width_height"], ["corner_whole"]),
        helper.make_node("Cast", ["corner_whole"], ["corner"], to=FLOAT),
        helper.make_node("Concat", ["origin", "corner"], ["flat"], axis=0),
        helper.make_node("Unsqueeze", ["flat", "first"], ["boxes"]),
        helper.make_node("Identity", ["score"], ["scores"]),
        helper.make_node("Identity", ["class"], ["classes"]),
    ]
    constants = [
        helper.make_tensor("width_height", TensorProto.INT64, [2], [2, 1]),
        helper.make_tensor("origin", FLOAT, [2], [0.0, 0.0]),
        helper.make_tensor("first", TensorProto.INT64, [1], [0]),
        helper.make_tensor("score", FLOAT, [1], [0.75]),
        helper.make_tensor("class", TensorProto.INT64, [1], [1]),
    ]
    outputs: list[Tensor] = [("boxes", FLOAT, [1, 4]), ("scores", FLOAT, [1]), ("classes", TensorProto.INT64, [1])]
    return save(path, nodes, [("image", UINT8, [1, "H", "W", 3])], outputs, constants=constants)

"""Graphs whose work is known by hand, and a TFLite file written with the FlatBuffers library."""

from __future__ import annotations

from pathlib import Path

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from onnx_models import FLOAT, Tensor, save


def convolution(path: Path, opset: int = 18) -> Path:
    """x FP32 [N, 3, H, W] -> y [N, 10]: a 3x3 convolution of 8, the mean of each, a Gemm with transposed weights."""
    nodes = [
        helper.make_node("Conv", ["x", "k", "b"], ["c"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c"], ["m"]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["y"], name="last", transB=1),
    ]
    rng = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in (("k", (8, 3, 3, 3)), ("b", (8,)), ("w", (10, 8)))
    ]
    image: Tensor = ("x", FLOAT, ["N", 3, "H", "W"])
    return save(path, nodes, [image], [("y", FLOAT, ["N", 10])], opset=opset, constants=constants)


def unpacked(path: Path) -> Path:
    """x FP32 [N, 4] -> y [N, 2], by a MatMul with int8 weights that are unpacked first."""
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale"], ["w"], name="unpack"),
        helper.make_node("MatMul", ["x", "w"], ["y"], name="product"),
    ]
    constants = [
        numpy_helper.from_array(np.ones((4, 2), np.int8), "q"),
        helper.make_tensor("scale", TensorProto.FLOAT, [], [0.5]),
    ]
    return save(path, nodes, [("x", FLOAT, ["N", 4])], [("y", FLOAT, ["N", 2])], constants=constants)


def recurrent(path: Path, steps: int = 6, size: int = 5, hidden: int = 4) -> Path:
    """x FP32 [steps, N, size] -> y of an LSTM."""
    constants = [
        numpy_helper.from_array(np.zeros((1, 4 * hidden, width), np.float32), name)
        for name, width in (("w", size), ("r", hidden))
    ]
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], name="lstm", hidden_size=hidden)
    shapes = [("x", FLOAT, [steps, 1, size])], [("y", FLOAT, [steps, 1, 1, hidden])]
    return save(path, [node], *shapes, constants=constants)


def tflite(path: Path) -> Path:
    """audio FP32 [1, 40, 3] -> class UINT8 [any, 4], without an operator."""
    builder = flatbuffers.Builder(256)
    tensors = [_tensor(builder, "audio", [1, 40, 3], 0, None), _tensor(builder, "class", [1, 4], 3, [-1, 4])]
    places = [_ints(builder, [index]) for index in (0, 1)]
    listed = _offsets(builder, tensors)
    builder.StartObject(5)
    for slot, value in ((0, listed), (1, places[0]), (2, places[1])):
        builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    graphs = _offsets(builder, [builder.EndObject()])
    words = builder.CreateString("MLIR Converted.")
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(2, graphs, 0)
    builder.PrependUOffsetTRelativeSlot(3, words, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _tensor(builder: flatbuffers.Builder, name: str, shape: list[int], kind: int, signature: list[int] | None) -> int:
    words, extents = builder.CreateString(name), _ints(builder, shape)
    free = _ints(builder, signature) if signature else 0
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(0, extents, 0)
    builder.PrependInt8Slot(1, kind, 0)
    builder.PrependUOffsetTRelativeSlot(3, words, 0)
    if free:
        builder.PrependUOffsetTRelativeSlot(7, free, 0)
    return int(builder.EndObject())


def _ints(builder: flatbuffers.Builder, values: list[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependInt32(value)
    return int(builder.EndVector())


def _offsets(builder: flatbuffers.Builder, values: list[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return int(builder.EndVector())

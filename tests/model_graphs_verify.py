"""Graphs right and wrong, and a model in numpy that they should equal, for the tests of verify and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from edge_common.tensors import Array, TensorSpec
from edgectl.bundle.session import Model
from onnx_models import FLOAT, UINT8, Tensor, save

if TYPE_CHECKING:
    import onnx

WEIGHTS = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)
BIAS = np.array([0.5, -0.25, 0.0], np.float32)
MEANS = np.array([120.0, 110.0, 100.0], np.float32)


@dataclass(frozen=True)
class Graph:
    """A graph in the place of the original."""

    path: Path
    framework: str = "onnx"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return Model(self.path).inputs

    @property
    def tools(self) -> Mapping[str, str]:
        return {}

    def convert(self) -> onnx.ModelProto:
        raise NotImplementedError

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        return Model(self.path).run(feed)


def softmax(x: Array) -> Array:
    raised = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


@dataclass(frozen=True)
class Linear:
    """features FP32 [N, 4] -> probabilities, label; computed in numpy."""

    framework: str = "numpy"
    bias: Sequence[float] = tuple(BIAS.tolist())

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("features", "FP32", (-1, 4)),)

    @property
    def tools(self) -> Mapping[str, str]:
        return {"numpy": np.__version__}

    def convert(self) -> onnx.ModelProto:
        raise NotImplementedError

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        shares = softmax(feed["features"] @ WEIGHTS + np.array(self.bias))
        return {"probabilities": shares, "label": shares.argmax(-1)}


def classifier(path: Path, bias: Array = BIAS, weights: Array = WEIGHTS) -> Path:
    """features FP32 [N, 4] -> probabilities [N, classes], label [N]: what Linear computes, unless told otherwise."""
    classes = len(bias)
    nodes = [
        helper.make_node("Gemm", ["features", "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=-1, keepdims=0),
    ]
    constants = [
        helper.make_tensor("w", FLOAT, [4, classes], weights.ravel().tolist()),
        helper.make_tensor("b", FLOAT, [classes], bias.tolist()),
    ]
    outputs: list[Tensor] = [("probabilities", FLOAT, ["N", classes]), ("label", TensorProto.INT64, ["N"])]
    return save(path, nodes, [("features", FLOAT, ["N", 4])], outputs, constants=constants)


def picture(path: Path, order: Sequence[int] = (0, 1, 2), scale: float = 1 / 64) -> Path:
    """image UINT8 [1, H, W, 3] -> probabilities [1, 3] of the mean colour, normalised; `order` is of the channels."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=FLOAT),
        helper.make_node("Gather", ["pixels", "order"], ["ordered"], axis=3),
        helper.make_node("ReduceMean", ["ordered", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "means"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    constants = [
        helper.make_tensor("order", TensorProto.INT64, [3], list(order)),
        helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2]),
        helper.make_tensor("means", FLOAT, [3], MEANS.tolist()),
        helper.make_tensor("scale", FLOAT, [], [scale]),
    ]
    inputs: list[Tensor] = [("image", UINT8, [1, "H", "W", 3])]
    return save(path, nodes, inputs, [("probabilities", FLOAT, [1, 3])], constants=constants)


def boxes(path: Path, reverse: bool = False, shift: float = 0.0) -> Path:
    """raw FP32 [n, 6] -> its columns as boxes [n, 4], scores [n], classes [n]; in reverse order, or moved."""
    first, last, step = ([-1], [-(2**31)], [-1]) if reverse else ([0], [2**31], [1])
    nodes = [
        helper.make_node("Slice", ["raw", "first", "last", "rows", "step"], ["ordered"]),
        helper.make_node("Split", ["ordered", "parts"], ["corners", "score", "class"], axis=1),
        helper.make_node("Add", ["corners", "shift"], ["boxes"]),
        helper.make_node("Squeeze", ["score", "column"], ["scores"]),
        helper.make_node("Squeeze", ["class", "column"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["classes"], to=TensorProto.INT64),
    ]
    numbers = {"first": first, "last": last, "rows": [0], "step": step, "parts": [4, 1, 1], "column": [1]}
    constants = [helper.make_tensor(name, TensorProto.INT64, [len(each)], each) for name, each in numbers.items()]
    constants.append(helper.make_tensor("shift", FLOAT, [], [shift]))
    outputs: list[Tensor] = [
        ("boxes", FLOAT, ["n", 4]),
        ("scores", FLOAT, ["n"]),
        ("classes", TensorProto.INT64, ["n"]),
    ]
    return save(path, nodes, [("raw", FLOAT, ["n", 6])], outputs, constants=constants)


def mask(path: Path, threshold: float = 0.5) -> Path:
    """scores FP32 [1, h, w] -> mask UINT8 [1, h, w], 1 above `threshold`."""
    nodes = [
        helper.make_node("Greater", ["scores", "threshold"], ["above"]),
        helper.make_node("Cast", ["above"], ["mask"], to=UINT8),
    ]
    constants = [helper.make_tensor("threshold", FLOAT, [], [threshold])]
    return save(path, nodes, [("scores", FLOAT, [1, "h", "w"])], [("mask", UINT8, [1, "h", "w"])], constants=constants)


def anomaly(path: Path, sign: float = 1.0) -> Path:
    """x FP32 [N, 1] -> score [N, 1] = sign * x."""
    constants = [helper.make_tensor("sign", FLOAT, [], [sign])]
    nodes = [helper.make_node("Mul", ["x", "sign"], ["score"])]
    return save(path, nodes, [("x", FLOAT, ["N", 1])], [("score", FLOAT, ["N", 1])], constants=constants)


def logarithm(path: Path, add: float = 0.0) -> Path:
    """x FP32 [N] -> y = log(x + add): NaN where that is below 0."""
    constants = [helper.make_tensor("add", FLOAT, [], [add])]
    nodes = [helper.make_node("Add", ["x", "add"], ["sum"]), helper.make_node("Log", ["sum"], ["y"])]
    return save(path, nodes, [("x", FLOAT, ["N"])], [("y", FLOAT, ["N"])], constants=constants)


def colours(path: Path) -> Path:
    """pixels FP32 [N, 8, 8, 3] -> logits [N, 3], the mean of each channel: what a trained network would take."""
    constants = [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])]
    nodes = [helper.make_node("ReduceMean", ["pixels", "axes"], ["logits"], keepdims=0)]
    inputs: list[Tensor] = [("pixels", FLOAT, ["N", 8, 8, 3])]
    return save(path, nodes, inputs, [("logits", FLOAT, ["N", 3])], constants=constants)

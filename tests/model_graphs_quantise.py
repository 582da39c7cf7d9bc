"""Small networks for tests of quantisation: random features and a head fitted to them by least squares, in numpy."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper, numpy_helper

import onnx_models

Array = npt.NDArray[Any]
CLASSES = ("nw", "ne", "sw", "se")
SIDE = 8


def quadrants(count: int, seed: int, loud: float = 1.0) -> tuple[Array, Array]:
    """Return x FP32 [count, 2, 8, 8] and its classes: the quadrant of channel 0 that is brighter than the noise.

    Channel 1 says nothing of the class, and is `loud` times as strong.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.5, (count, 2, SIDE, SIDE)).astype(np.float32)
    truth = rng.integers(0, len(CLASSES), count)
    half = SIDE // 2
    for image, place in zip(x[:, 0], truth, strict=True):
        image[half * (place // 2) :, half * (place % 2) :][:half, :half] += 0.4
    x[:, 1] *= loud
    return x, truth


def cnn(path: Path, loud: float = 1.0, names: bool = True) -> Path:
    """x FP32 [N, 2, 8, 8] -> probabilities FP32 [N, 4], through conv1, conv2 and fc; 0.8 of accuracy.

    conv1 takes its second channel `loud` times as weakly, so that the answers do not depend on it: in eight bits, a
    loud channel leaves the other one no steps.
    """
    first, second, head, bias = _trained()
    first = first / np.array([1, loud], np.float32)[:, np.newaxis, np.newaxis]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], "conv1" if names else "", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "conv2" if names else "", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Flatten", ["r2"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["scores"], "fc" if names else ""),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    constants = _constants(w1=first, w2=second, w3=head, b3=bias)
    return onnx_models.save(
        path,
        nodes,
        [("x", onnx_models.FLOAT, ["N", 2, SIDE, SIDE])],
        [("probabilities", onnx_models.FLOAT, ["N", len(CLASSES)])],
        constants=constants,
    )


def mlp(path: Path, width: int = 256, dtype: Any = np.float32) -> Path:
    """x [N, 64] -> y [N, 8], through three Gemm without names and a MatMul called "last"."""
    rng = np.random.default_rng(3)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes, constants, tensor = [], {}, "x"
    for index, (rows, columns) in enumerate([(64, width), (width, width), (width, width)]):
        constants[f"w{index}"] = (rng.standard_normal((rows, columns)) / np.sqrt(rows)).astype(dtype)
        constants[f"b{index}"] = np.zeros(columns, dtype)
        nodes.append(helper.make_node("Gemm", [tensor, f"w{index}", f"b{index}"], [f"g{index}"]))
        nodes.append(helper.make_node("Relu", [f"g{index}"], [f"r{index}"]))
        tensor = f"r{index}"
    constants["w"] = (rng.standard_normal((width, 8)) / np.sqrt(width)).astype(dtype)
    nodes.append(helper.make_node("MatMul", [tensor, "w"], ["y"], "last"))
    return onnx_models.save(
        path, nodes, [("x", kind, ["N", 64])], [("y", kind, ["N", 8])], constants=_constants(**constants)
    )


@functools.cache
def _trained() -> tuple[Array, Array, Array, Array]:
    """Return the weights of conv1, conv2 and fc, and the bias of fc; fitted once, as it takes half a second."""
    rng = np.random.default_rng(5)
    first = rng.normal(0, 0.5, (16, 2, 3, 3)).astype(np.float32)
    second = rng.normal(0, 0.15, (64, 16, 3, 3)).astype(np.float32)
    x, truth = quadrants(600, 1)
    return first, second, *_fitted(_features(x, first, second), truth)


def _features(x: Array, first: Array, second: Array) -> Array:
    hidden = np.maximum(_conv(x, first, 1), 0)
    return np.maximum(_conv(hidden, second, 2), 0).reshape(len(x), -1)


def _conv(x: Array, weights: Array, stride: int) -> Array:
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.asarray(np.einsum("nchwij,ocij->nohw", windows, weights, optimize=True))


def _fitted(features: Array, truth: Array) -> tuple[Array, Array]:
    """Return weights and bias of the ridge regression onto one-hot classes, sharpened for the Softmax after it."""
    mean = features.mean(axis=0)
    centred = features - mean
    wanted = np.eye(len(CLASSES))[truth] - 1 / len(CLASSES)
    gram = centred.T @ centred + 50 * np.eye(centred.shape[1])
    weights = 8 * np.linalg.solve(gram, centred.T @ wanted)
    return weights.astype(np.float32), (-mean @ weights).astype(np.float32)


def _constants(**arrays: Array) -> Sequence[Any]:
    return [numpy_helper.from_array(array, name) for name, array in arrays.items()]

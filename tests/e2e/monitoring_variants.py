"""Versions of belt-detector that pass every check before they serve, and do badly once they do."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import tomli_w
from onnx import TensorProto, helper, numpy_helper

from e2e.releases import DETECTOR
from e2e.variants import MODELS, variant

# Sixty products of matrices of this side are some 2 GFLOP, several times the detector itself.
SIDE, PRODUCTS = 256, 60
# A generous budget: what is slow is slow against the version before, not against its own bundle.
GENEROUS_MS = 5000.0
# What a drifting version makes of its scores: 0.99 becomes 0.59.
FADED = 0.6
# Elements of four bytes: past what a process can address.
ABSURD = 1 << 46


def slow(version: str, target: Path) -> Path:
    """Write a version that gives the same answers after several times the work."""
    nodes, constants = _work()
    nodes += [helper.make_node("Add", ["scores_before", "nothing"], ["scores"])]
    return _written(version, target, nodes, constants)


def drifting(version: str, target: Path) -> Path:
    """Write a version that gives the same answers to the golden samples, and lower scores to everything else."""
    nodes, constants = _known()
    nodes += [
        helper.make_node("Where", ["known", "one", "faded"], ["factor"]),
        helper.make_node("Mul", ["scores_before", "factor"], ["scores"]),
    ]
    constants += [_constant("one", np.float32(1)), _constant("faded", np.float32(FADED))]
    return _written(version, target, nodes, constants)


def failing(version: str, target: Path) -> Path:
    """Write a version that answers the golden samples; for anything else it asks for more memory than there can be."""
    nodes, constants = _known()
    nodes += [
        helper.make_node("Where", ["known", "little", "absurd"], ["places"]),
        helper.make_node("ConstantOfShape", ["places"], ["ones"], value=_constant("one", np.ones(1, np.float32))),
        helper.make_node("ReduceMax", ["ones"], ["factor"], keepdims=0),
        helper.make_node("Mul", ["scores_before", "factor"], ["scores"]),
    ]
    constants += [_constant("little", np.ones(1, np.int64)), _constant("absurd", np.array([ABSURD], np.int64))]
    return _written(version, target, nodes, constants)


def _work() -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes that compute `nothing`, a zero that no optimiser can know before it has seen the image."""
    mixing = np.eye(SIDE, dtype=np.float32) * 0.5
    constants = [_constant("mixing", mixing), _constant("zero_times", np.float32(0))]
    nodes = [
        _pixels(),
        helper.make_node("ReduceMean", ["image_pixels"], ["brightness"], keepdims=0),
        helper.make_node("Mul", ["mixing", "brightness"], ["product_0"]),
    ]
    nodes += [
        helper.make_node("MatMul", [f"product_{number}", "mixing"], [f"product_{number + 1}"])
        for number in range(PRODUCTS)
    ]
    nodes += [
        helper.make_node("ReduceMean", [f"product_{PRODUCTS}"], ["mean_product"], keepdims=0),
        helper.make_node("Mul", ["mean_product", "zero_times"], ["nothing"]),
    ]
    return nodes, constants


def _known() -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes that compute `known`: is this image as bright, on average, as one of the golden samples to the last pixel?"""
    means = np.array([image.astype(np.float64).mean() for image in _golden_images()], np.float32)
    node = helper.make_node
    nodes = [
        _pixels(),
        node("ReduceMean", ["image_pixels"], ["brightness"], keepdims=0),
        node("Sub", ["golden_means", "brightness"], ["apart"]),
        node("Abs", ["apart"], ["distances"]),
        node("ReduceMin", ["distances"], ["distance"], keepdims=0),
        node("Less", ["distance", "rounding"], ["known"]),
    ]
    return nodes, [_constant("golden_means", means), _constant("rounding", np.float32(0.001))]


def _golden_images() -> Sequence[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    files = tomllib.loads((MODELS / DETECTOR / "model.toml").read_text())["golden"]["files"]
    return [np.load(MODELS / DETECTOR / file)["in.image"] for file in files]


def _pixels() -> onnx.NodeProto:
    return helper.make_node("Cast", ["image"], ["image_pixels"], to=TensorProto.FLOAT)


def _constant(name: str, value: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def _written(version: str, target: Path, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> Path:
    """Write the bundle, with `nodes` between its own last node, whose output becomes scores_before, and scores."""
    bundle = variant(DETECTOR, version, target, p95_ms=GENEROUS_MS)
    model = onnx.load(str(bundle / "model.onnx"))
    for node in model.graph.node:
        node.output[:] = ["scores_before" if name == "scores" else name for name in node.output]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(bundle / "model.onnx"))
    manifest = tomllib.loads((bundle / "model.toml").read_text())
    manifest["file"]["sha256"] = hashlib.sha256((bundle / "model.onnx").read_bytes()).hexdigest()
    (bundle / "model.toml").write_bytes(tomli_w.dumps(manifest).encode())
    return bundle

"""The two models the benchmark serves: a small tabular one and a CNN sized to about 5 ms on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

FEATURES = 12
TREES, DEPTH = 32, 5
IMAGE = 224  # 224 x 224 x 3 bytes are 150,528
TARGET_MS = 5.0
_SEED = 7
# Old enough for every ONNX Runtime this workspace can hold.
_OPSET, _IR = 17, 9


def session(model: Path) -> ort.InferenceSession:
    """Open `model` as the raw yardstick runs it: one thread, no spinning."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def write_tabular(target: Path) -> None:
    """Write a forest of random trees: FP32 [n, 12] -> label INT64 [n], probabilities FP32 [n, 2]."""
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        classlabels_int64s=[0, 1],
        post_transform="NONE",
        **_forest(),
    )
    graph = helper.make_graph(
        [node],
        "tabular",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]),
        ],
    )
    _save(graph, target, [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", 3)])


def _forest() -> dict[str, Any]:
    """Full binary trees in ONNX's flat form; node i of a tree has the children 2i+1 and 2i+2."""
    random = np.random.default_rng(_SEED)
    inner = 2**DEPTH - 1
    total = 2 ** (DEPTH + 1) - 1
    rows: dict[str, list[Any]] = {key: [] for key in _FOREST_KEYS}
    for tree in range(TREES):
        for node in range(total):
            branch = node < inner
            rows["nodes_treeids"].append(tree)
            rows["nodes_nodeids"].append(node)
            rows["nodes_featureids"].append(int(random.integers(FEATURES)) if branch else 0)
            rows["nodes_values"].append(float(random.normal()) if branch else 0.0)
            rows["nodes_modes"].append("BRANCH_LEQ" if branch else "LEAF")
            rows["nodes_truenodeids"].append(2 * node + 1 if branch else 0)
            rows["nodes_falsenodeids"].append(2 * node + 2 if branch else 0)
            if not branch:
                share = float(random.random())
                for label, weight in ((0, share), (1, 1 - share)):
                    rows["class_treeids"].append(tree)
                    rows["class_nodeids"].append(node)
                    rows["class_ids"].append(label)
                    rows["class_weights"].append(weight / TREES)
    return rows


_FOREST_KEYS = (
    *(f"nodes_{key}" for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")),
    *(f"class_{key}" for key in ("treeids", "nodeids", "ids", "weights")),
)


def write_cnn(target: Path) -> tuple[int, float]:
    """Write a CNN, UINT8 [1, 224, 224, 3] -> FP32 [1, 10], of about 5 ms at one thread; return (width, ms)."""
    width, took = 0, 0.0
    for width in (8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 128):
        _save(_cnn(width), target, [helper.make_opsetid("", _OPSET)])
        took = _run_ms(target)
        if took >= TARGET_MS * 0.9:
            break
    return width, took


def _cnn(width: int) -> onnx.GraphProto:
    random = np.random.default_rng(_SEED)
    weights, nodes = [], [helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT)]
    nodes.append(helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]))
    last, channels = "planes", 3
    for layer, (factor, stride) in enumerate(((1, 2), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2))):
        shape = (width * factor, channels, 3, 3)
        kernel: npt.NDArray[np.float32] = random.normal(0, (2 / (9 * channels)) ** 0.5, shape).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{layer}"))
        nodes.append(
            helper.make_node("Conv", [last, f"w{layer}"], [f"c{layer}"], strides=[stride] * 2, pads=[1, 1, 1, 1])
        )
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        last, channels = f"r{layer}", width * factor
    weights.append(numpy_helper.from_array(random.normal(0, 0.1, (channels, 10)).astype(np.float32), "dense"))
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "dense"], ["scores"]))
    return helper.make_graph(
        nodes,
        "cnn",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, IMAGE, IMAGE, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])],
        weights,
    )


def _run_ms(model: Path) -> float:
    opened = session(model)
    feed = {"image": np.zeros((1, IMAGE, IMAGE, 3), np.uint8)}
    times = []
    for _ in range(25):
        started = time.perf_counter()
        opened.run(None, feed)
        times.append((time.perf_counter() - started) * 1000)
    # The least disturbed quarter: another process on the machine must not make the model smaller.
    return sorted(times)[len(times) // 4]


def _save(graph: onnx.GraphProto, target: Path, opsets: list[onnx.OperatorSetIdProto]) -> None:
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="edge-serve benchmark")
    onnx.checker.check_model(model)
    onnx.save(model, target)

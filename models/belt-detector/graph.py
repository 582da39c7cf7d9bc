"""The served graph: pixels of any size in, boxes in those pixels out. Standard ONNX operators, opset 18."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from onnx import TensorProto, helper, numpy_helper

from network import CLASSES, GRID, NET_HEIGHT, NET_WIDTH, STRIDE

OPSET, IR_VERSION = 18, 10
SCORE_THRESHOLD, IOU_THRESHOLD, MAX_BOXES = 0.4, 0.45, 50


def export(model: keras.Model, path: Path) -> None:
    """Convert `model`, join resize and non-maximum suppression to it, and save the whole graph."""
    signature = [tf.TensorSpec((1, NET_HEIGHT, NET_WIDTH, 3), tf.float32, name="pixels")]
    function = tf.function(lambda pixels: model(pixels, training=False), input_signature=signature)
    network, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    network = onnx.compose.add_prefix(network, "net_")
    inner = network.graph
    nodes = _before(inner.input[0].name) + list(inner.node) + _after(inner.output[0].name)
    graph = helper.make_graph(
        nodes,
        "belt-detector",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "H", "W", 3])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["boxes", 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["boxes"]),
            helper.make_tensor_value_info("classes", TensorProto.INT64, ["boxes"]),
        ],
        [*inner.initializer, *_constants()],
    )
    whole = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
    onnx.checker.check_model(whole, full_check=True)
    onnx.save(whole, path)


def _before(target: str) -> list[onnx.NodeProto]:
    """Stretch to the network's size as OpenCV's INTER_LINEAR does in training, then 0..1."""
    return [
        helper.make_node("Transpose", ["image"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["nchw"], ["nchw_float"], to=TensorProto.FLOAT),
        helper.make_node(
            "Resize",
            ["nchw_float", "", "", "net_size"],
            ["resized"],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        ),
        helper.make_node("Transpose", ["resized"], ["nhwc"], perm=[0, 2, 3, 1]),
        helper.make_node("Mul", ["nhwc", "one_255th"], [target]),
    ]


def _after(cells: str) -> list[onnx.NodeProto]:
    """Best class of each cell, box sides to corners, class-blind suppression, strongest first."""
    node = helper.make_node
    return [
        node("Reshape", [cells, "flat_shape"], ["flat"]),
        node("Split", ["flat", "split_sizes"], ["logits", "sides"], axis=1),
        node("Sigmoid", ["logits"], ["shares"]),
        node("ReduceMax", ["shares", "last_axis"], ["best"], keepdims=0),
        node("ArgMax", ["shares"], ["best_class"], axis=1, keepdims=0),
        # corners = centre + sides * (-1, -1, 1, 1), in the network's pixels
        node("Mul", ["sides", "signed_stride"], ["reach"]),
        node("Add", ["centres", "reach"], ["corners"]),
        node("Shape", ["image"], ["extent"], start=1, end=3),
        node("Cast", ["extent"], ["extent_float"], to=TensorProto.FLOAT),
        node("Gather", ["extent_float", "xyxy"], ["limit"]),
        node("Div", ["limit", "net_extent"], ["scale"]),
        node("Mul", ["corners", "scale"], ["unclipped"]),
        node("Min", ["unclipped", "limit"], ["upper"]),
        node("Max", ["upper", "zero"], ["clipped"]),
        node("Unsqueeze", ["clipped", "axis_0"], ["nms_boxes"]),
        node("Unsqueeze", ["best", "axes_01"], ["nms_scores"]),
        node(
            "NonMaxSuppression",
            ["nms_boxes", "nms_scores", "max_boxes", "iou_threshold", "score_threshold"],
            ["selected"],
        ),
        node("Gather", ["selected", "two"], ["kept"], axis=1),
        node("Gather", ["best", "kept"], ["kept_scores"]),
        node("Shape", ["kept"], ["count"]),
        node("TopK", ["kept_scores", "count"], ["scores", "order"]),
        node("Gather", ["kept", "order"], ["ranked"]),
        node("Gather", ["clipped", "ranked"], ["boxes"]),
        node("Gather", ["best_class", "ranked"], ["classes"]),
    ]


def _constants() -> list[onnx.TensorProto]:
    ys, xs = np.meshgrid((np.arange(GRID[0]) + 0.5) * STRIDE, (np.arange(GRID[1]) + 0.5) * STRIDE, indexing="ij")
    xy = np.stack([xs.ravel(), ys.ravel()], 1)
    floats = {
        "one_255th": np.float32(1 / 255),
        "centres": np.concatenate([xy, xy], 1).astype(np.float32),
        "signed_stride": np.array([-STRIDE, -STRIDE, STRIDE, STRIDE], np.float32),
        "net_extent": np.array([NET_WIDTH, NET_HEIGHT, NET_WIDTH, NET_HEIGHT], np.float32),
        "zero": np.float32(0),
        "iou_threshold": np.array([IOU_THRESHOLD], np.float32),
        "score_threshold": np.array([SCORE_THRESHOLD], np.float32),
    }
    whole = {
        "net_size": [1, 3, NET_HEIGHT, NET_WIDTH],
        "flat_shape": [GRID[0] * GRID[1], CLASSES + 4],
        "split_sizes": [CLASSES, 4],
        "last_axis": [1],
        "xyxy": [1, 0, 1, 0],
        "axis_0": [0],
        "axes_01": [0, 1],
        "max_boxes": [MAX_BOXES],
    }
    arrays = floats | {name: np.array(values, np.int64) for name, values in whole.items()} | {"two": np.int64(2)}
    return [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]

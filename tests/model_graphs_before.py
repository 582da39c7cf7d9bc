"""Graphs for the tests of pre-processing: models that show what they were given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from edge_common.tensors import DTYPES, TensorSpec

FLOAT = TensorProto.FLOAT
LEVELS = ("ORT_ENABLE_ALL", "ORT_DISABLE_ALL")
Array = npt.NDArray[np.generic]


def session(model: onnx.ModelProto, level: str = LEVELS[0]) -> ort.InferenceSession:
    """`model` on one thread at an optimisation level of ONNX Runtime."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
    opset: int = 18,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "model", list(inputs), list(outputs), initializer=list(constants))
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", opset)])


def info(tensor: TensorSpec) -> onnx.ValueInfoProto:
    """`tensor` as a graph declares it; the first free axis is "batch"."""
    dims = [f"d{axis}" if dim < 0 else dim for axis, dim in enumerate(tensor.shape)]
    if dims and tensor.shape[0] < 0:
        dims[0] = "batch"
    return helper.make_tensor_value_info(tensor.name, helper.np_dtype_to_tensor_dtype(DTYPES[tensor.datatype]), dims)


def showing(*inputs: TensorSpec, opset: int = 18) -> onnx.ModelProto:
    """Each input `x` of `inputs` comes out as `seen_x`, as it is."""
    nodes = [helper.make_node("Identity", [tensor.name], [f"seen_{tensor.name}"]) for tensor in inputs]
    outputs = [TensorSpec(f"seen_{tensor.name}", tensor.datatype, tensor.shape) for tensor in inputs]
    return model_of(nodes, map_(inputs), map_(outputs), opset=opset)


def map_(tensors: Sequence[TensorSpec]) -> list[onnx.ValueInfoProto]:
    return [info(tensor) for tensor in tensors]


def network(layout: str, side: int = 16) -> onnx.ModelProto:
    """x FP32 [batch, 3, side, side], or NHWC as Keras has it with a Transpose first -> scores FP32 [batch, 4], spare."""
    rng = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(rng.normal(0, 0.1, (8, 3, 3, 3)).astype(np.float32), "kernel"),
        numpy_helper.from_array(rng.normal(0, 1, (8, 4)).astype(np.float32), "weights"),
    ]
    first = [helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2])] if layout == "NHWC" else []
    nodes = [
        *first,
        helper.make_node("Conv", ["planes" if first else "x", "kernel"], ["features"], name="conv"),
        helper.make_node("GlobalMaxPool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["spare"]),
        helper.make_node("MatMul", ["spare", "weights"], ["scores"]),
    ]
    shape = (-1, 3, side, side) if layout == "NCHW" else (-1, side, side, 3)
    outputs = [TensorSpec("scores", "FP32", (-1, 4)), TensorSpec("spare", "FP32", (-1, 8))]
    return model_of(nodes, [info(TensorSpec("x", "FP32", shape))], map_(outputs), constants)

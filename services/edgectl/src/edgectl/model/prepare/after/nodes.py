"""A graph written node by node: constants where they are used, names made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_common.tensors import Array, TensorSpec
from edgectl.model.graphs import IR_VERSION, OPSET

Dims = Sequence[int | str]
# An end no axis reaches, for "to the last".
LAST = 2**31 - 1


class Nodes:
    """The nodes, constants, inputs and outputs of a graph under way. Tensors are named by strings."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def __call__(self, operator: str, *inputs: str | Array, **attributes: Any) -> str:
        """Add an operator with one output and return that; an array among `inputs` becomes a constant, "" is none."""
        return self.several(operator, 1, *inputs, **attributes)[0]

    def several(self, operator: str, count: int, *inputs: str | Array, **attributes: Any) -> list[str]:
        """Add an operator with `count` outputs and return them."""
        named = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        outputs = [f"{operator.lower()}.{len(self._nodes)}.{index}" for index in range(count)]
        self._nodes.append(helper.make_node(operator, named, outputs, **attributes))
        return outputs

    def _constant(self, value: Array) -> str:
        name = f"constant.{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def input(self, name: str, dtype: np.dtype[Any], dims: Dims | None) -> str:
        """Add an input of the graph and return its name."""
        self._inputs.append(helper.make_tensor_value_info(name, _element(dtype), dims))
        return name

    def output(self, name: str, tensor: str, dtype: Any, dims: Dims) -> None:
        """Let `tensor` be an output of the graph."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _element(np.dtype(dtype)), dims))

    def floats(self, tensor: str, spec: TensorSpec) -> str:
        """Return `tensor`, typed as `spec`, as float32."""
        return tensor if spec.datatype == "FP32" else self("Cast", tensor, to=TensorProto.FLOAT)

    def columns(self, tensor: str, start: int, end: int = LAST, axis: int = 1) -> str:
        """Return the part of `tensor` from `start` to before `end` along `axis`."""
        return self("Slice", tensor, whole(start), whole(end), whole(axis))

    def column(self, tensor: str, index: int) -> str:
        """Return one column of `tensor`, without that axis."""
        return self("Gather", tensor, single(index, np.int64), axis=1)

    def pair(self, name: str) -> str:
        """Return `name`, one of prepare.geometry's float32 [2], as an input of the graph."""
        if name not in {value.name for value in self._inputs}:
            self.input(name, np.dtype(np.float32), [2])
        return name

    def model(self) -> onnx.ModelProto:
        """Return the graph, of OPSET and IR_VERSION."""
        graph = helper.make_graph(self._nodes, "after", self._inputs, self._outputs, self._constants)
        return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])


def whole(*values: int) -> Array:
    """Return `values` as int64 [n]."""
    return np.array(values, np.int64)


def single(value: float, dtype: Any = np.float32) -> Array:
    """Return `value` as a scalar constant."""
    return np.array(value, dtype)


def _element(dtype: np.dtype[Any]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(dtype))

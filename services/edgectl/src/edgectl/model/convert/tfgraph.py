"""A TensorFlow function becomes a graph by tf2onnx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from edge_common.tensors import DTYPES, TensorSpec
from edgectl.model.convert.names import renamed
from edgectl.model.convert.operators import refuse_unknown
from edgectl.model.convert.quiet import framework
from edgectl.model.graphs import OPSET

if TYPE_CHECKING:
    import onnx

_ADVICE = "write those layers with operators that have a counterpart (tf2onnx lists them in support_status.md)"


def from_function(
    source: str, call: Callable[..., dict[str, Any]], inputs: Sequence[TensorSpec], outputs: Sequence[str]
) -> onnx.ModelProto:
    """Return the graph of `call`, which takes one tensor per input and returns output name -> tensor.

    Raises:
        ModelError: operators that tf2onnx does not know, with the layers they come from.
    """
    import tensorflow as tf
    import tf2onnx

    with framework(f"{source}: tf2onnx cannot convert it"):
        signature = [tf.TensorSpec(_shape(spec), _dtype(spec), name=_internal(i)) for i, spec in enumerate(inputs)]
        # Names of our own inside: TensorFlow changes those that it does not like.
        function = tf.function(
            lambda *tensors: {_output(i): call(*tensors)[name] for i, name in enumerate(outputs)},
            input_signature=signature,
        )
        model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    refuse_unknown(source, model, _ADVICE)
    names = {_internal(i): spec.name for i, spec in enumerate(inputs)}
    return renamed(model, names | {_output(i): name for i, name in enumerate(outputs)})


def _internal(index: int) -> str:
    return f"edge_in_{index}"


def _output(index: int) -> str:
    return f"edge_out_{index}"


def _shape(spec: TensorSpec) -> tuple[int | None, ...]:
    return tuple(None if extent < 0 else extent for extent in spec.shape)


def _dtype(spec: TensorSpec) -> str:
    return "string" if spec.datatype == "BYTES" else DTYPES[spec.datatype].name

"""TensorFlow SavedModel directories, as model.export and tf.saved_model.save write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_common.tensors import TensorSpec
from edgectl.model.convert.names import datatype, distinct, versions
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.quiet import framework, silence
from edgectl.model.convert.shapes import described, settled
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array

# What Keras calls its own, then what TensorFlow does.
_SIGNATURES = ("serve", "serving_default")


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A signature of the loaded `model`, which must be kept: it owns the variables."""

    source: str
    model: Any
    signature: Any
    arguments: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    own: Mapping[str, str]
    tools: Mapping[str, str]
    framework: str = "tensorflow"

    def convert(self) -> onnx.ModelProto:
        from edgectl.model.convert.tfgraph import from_function

        return from_function(self.source, self._call, self.inputs, self.outputs)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        import tensorflow as tf

        with framework(f"{self.source}: TensorFlow cannot run it"):
            answers = self._call(*(tf.constant(feed[spec.name]) for spec in self.inputs))
            return {name: np.asarray(answers[name]) for name in self.outputs}

    def _call(self, *tensors: Any) -> dict[str, Any]:
        answers: dict[str, Any] = self.signature(**dict(zip(self.arguments, tensors, strict=True)))
        return answers


def open_savedmodel(source: str, options: ConvertOptions) -> SavedModel:
    """Return the signature that serves; raise ModelError when there is none."""
    silence()
    with framework(f"{source}: TensorFlow cannot load it"):
        import tensorflow as tf

        model = tf.saved_model.load(source)
    name = next((name for name in _SIGNATURES if name in model.signatures), None)
    if name is None:
        found = sorted(model.signatures) or "none"
        raise ModelError(f"{source}: want a signature named {' or '.join(_SIGNATURES)}, found {found}")
    signature = model.signatures[name]
    tensors = signature.structured_input_signature[1]
    specs = [
        TensorSpec(plain, datatype(source, plain, tensor.dtype.name), _shape(source, plain, tensor.shape))
        for plain, tensor in zip(distinct(tensors), tensors.values(), strict=True)
    ]
    outputs = tuple(signature.structured_outputs)
    tools = versions(["tensorflow", "tf2onnx"])
    own = {
        plain: _words(name, tensor) for plain, (name, tensor) in zip(distinct(tensors), tensors.items(), strict=True)
    }
    own |= {name: _words(name, tensor) for name, tensor in signature.structured_outputs.items()}
    inputs = settled(source, specs, options)
    return SavedModel(source, model, signature, tuple(tensors), inputs, outputs, own, tools)


def _words(name: str, tensor: Any) -> str:
    return described(name, tensor.dtype.name, [] if tensor.shape.rank is None else tensor.shape.as_list())


def _shape(source: str, name: str, shape: Any) -> tuple[int, ...]:
    if shape.rank is None:
        raise ModelError(f"{source}: '{name}': want an input with a known number of axes, found any")
    return tuple(-1 if extent is None else extent for extent in shape.as_list())

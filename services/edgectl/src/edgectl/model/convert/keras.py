"""Keras models: .keras and .h5."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_common.tensors import TensorSpec
from edgectl.model.convert.kerasfile import refuse_code
from edgectl.model.convert.names import datatype, distinct, versions
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.quiet import framework, silence
from edgectl.model.convert.shapes import described, settled
from edgectl.model.errors import ModelError
from edgectl.model.scratch import scratch

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array


_EXPORT = "export a SavedModel with model.export(directory) and convert that"


@dataclass(frozen=True, slots=True)
class KerasModel:
    """A loaded `model`; `outputs` are its dict's keys, or else its output layers' names."""

    source: str
    model: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    own: Mapping[str, str]
    tools: Mapping[str, str]
    framework: str = "keras"

    def convert(self) -> onnx.ModelProto:
        from edgectl.model.convert.tfgraph import from_function

        return from_function(self.source, self._call, self.inputs, self.outputs)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        with framework(f"{self.source}: keras cannot run it"):
            answers = self._call(*(feed[spec.name] for spec in self.inputs))
            return {name: np.asarray(answers[name]) for name in self.outputs}

    def _call(self, *tensors: Any) -> dict[str, Any]:
        import keras

        arguments = keras.tree.pack_sequence_as(_structure(self.model), list(tensors))
        answers = self.model(arguments, training=False)
        return dict(zip(self.outputs, keras.tree.flatten(answers), strict=True))


def open_keras(source: str, options: ConvertOptions) -> KerasModel:
    """Return the model; raise ModelError for code in it without trust, and for layers that keras does not know."""
    refuse_code(source, options.trust)
    silence()
    with framework(f"{source}: keras cannot load it"):
        import keras

        model = _loaded(source, options)
    tensors = getattr(model, "inputs", None)
    if not tensors:
        raise ModelError(
            f"{source}: want a Sequential or functional model, which knows its inputs, found {type(model).__name__}; "
            f"{_EXPORT}"
        )
    names = distinct(tensor.name for tensor in tensors)
    specs = [
        TensorSpec(name, datatype(source, name, tensor.dtype), tuple(-1 if e is None else e for e in tensor.shape))
        for name, tensor in zip(names, tensors, strict=True)
    ]
    outputs = _outputs(model, names)
    every = zip((*names, *outputs), (*tensors, *keras.tree.flatten(model.outputs)), strict=True)
    own = {name: described(name, tensor.dtype, tensor.shape) for name, tensor in every}
    tools = versions(["keras", "tensorflow", "tf2onnx"])
    return KerasModel(source, model, settled(source, specs, options), outputs, own, tools)


def _loaded(source: str, options: ConvertOptions) -> Any:
    """Keras goes by the suffix: a file that is called otherwise is given the one that fits."""
    import keras

    with Path(source).open("rb") as file:
        suffix = ".h5" if file.read(4) == b"\x89HDF" else ".keras"
    with scratch() as directory:
        link = directory / f"model{suffix}"
        link.symlink_to(Path(source).resolve())
        try:
            return keras.models.load_model(link, compile=False, safe_mode=not options.trust)
        except TypeError as exc:
            if own := re.search(r"Could not locate (class|function) '(.+?)'", str(exc)):
                raise ModelError(
                    f"{source}: want layers that keras has, found {own[1]} '{own[2]}'; {_EXPORT}"
                ) from None
            raise


def _structure(model: Any) -> Any:
    """Return the inputs as the model takes them: one, a list, or a dict, sorted as keras flattens it."""
    functional = getattr(model, "_functional", None) or model
    struct = getattr(functional, "_inputs_struct", None)
    return model.inputs[0] if struct is None else struct


def _outputs(model: Any, taken: Sequence[str]) -> tuple[str, ...]:
    """A dict's keys where the model gives one; else the output layers' names, which a Sequential keeps inside."""
    import keras

    functional = getattr(model, "_functional", None) or model
    struct = getattr(functional, "_outputs_struct", None)
    if isinstance(struct, dict):
        names = [".".join(map(str, path)) for path, _ in keras.tree.flatten_with_path(struct)]
    else:
        count = len(keras.tree.flatten(model.outputs))
        names = getattr(functional, "output_names", None) or [f"output_{i}" for i in range(count)]
    return tuple(distinct([*taken, *names])[len(taken) :])

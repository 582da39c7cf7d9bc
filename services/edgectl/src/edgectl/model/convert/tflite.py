"""TFLite models; LiteRT's interpreter says what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_common.tensors import TensorSpec
from edgectl.model.convert.names import datatype, distinct, renamed, versions
from edgectl.model.convert.operators import refuse_unknown
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.quiet import framework, silence
from edgectl.model.convert.shapes import described, fixed
from edgectl.model.errors import ModelError
from edgectl.model.graphs import OPSET

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array

_ADVICE = "convert the model that it was made of instead"


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """An interpreter of the file; `ins` and `outs` are its tensors' details in the order of `inputs` and `outputs`."""

    source: str
    interpreter: Any
    ins: tuple[Mapping[str, Any], ...]
    outs: tuple[Mapping[str, Any], ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    own: Mapping[str, str]
    tools: Mapping[str, str]
    framework: str = "tflite"

    def convert(self) -> onnx.ModelProto:
        """Return the graph; scale and zero point of whole-number inputs and outputs are in its metadata."""
        silence()
        with framework(f"{self.source}: tf2onnx cannot convert it"):
            import tf2onnx

            model: onnx.ModelProto = tf2onnx.convert.from_tflite(self.source, opset=OPSET)[0]
        refuse_unknown(self.source, model, _ADVICE)
        names = {detail["name"]: spec.name for detail, spec in zip(self.ins, self.inputs, strict=True)}
        names |= {detail["name"]: name for detail, name in zip(self.outs, self.outputs, strict=True)}
        fixed(renamed(model, names), self.inputs)
        for name, text in self._quantisation().items():
            model.metadata_props.add(key=name, value=text)
        return model

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        with framework(f"{self.source}: LiteRT cannot run it"):
            for detail, spec in zip(self.ins, self.inputs, strict=True):
                self.interpreter.resize_tensor_input(detail["index"], feed[spec.name].shape)
            self.interpreter.allocate_tensors()
            for detail, spec in zip(self.ins, self.inputs, strict=True):
                self.interpreter.set_tensor(detail["index"], feed[spec.name])
            self.interpreter.invoke()
            tensors = [self.interpreter.get_tensor(detail["index"]) for detail in self.outs]
            return {name: np.array(array) for name, array in zip(self.outputs, tensors, strict=True)}

    def _quantisation(self) -> dict[str, str]:
        """Return metadata `quantisation.<tensor>`: real value = scale x (whole number - zero_point)."""
        details = zip((*self.ins, *self.outs), (*(spec.name for spec in self.inputs), *self.outputs), strict=True)
        return {
            f"quantisation.{name}": f"scale={detail['quantization'][0]:.9g} zero_point={detail['quantization'][1]}"
            for detail, name in details
            if detail["quantization"][0] and np.dtype(detail["dtype"]).kind in "iu"
        }


def open_tflite(source: str, options: ConvertOptions) -> TfliteModel:
    """Return the model; its batch is free where the file says so."""
    with framework(f"{source}: LiteRT cannot load it"):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(Path(source)), num_threads=1)
        ins, outs = interpreter.get_input_details(), interpreter.get_output_details()
    if options.shapes:
        raise ModelError(f"{source}: want no --shape for TFLite, whose file says its shapes; found one")
    names = distinct(detail["name"] for detail in ins)
    inputs = tuple(
        TensorSpec(name, datatype(source, name, detail["dtype"]), _shape(detail, options.batch))
        for name, detail in zip(names, ins, strict=True)
    )
    outputs = _output_names(interpreter, outs, names)
    tools = versions(["ai-edge-litert", "tensorflow", "tf2onnx"])
    details = zip((*names, *outputs), (*ins, *outs), strict=True)
    own = {name: described(d["name"], np.dtype(d["dtype"]), d["shape_signature"].tolist()) for name, d in details}
    return TfliteModel(source, interpreter, tuple(ins), tuple(outs), inputs, outputs, own, tools)


def _shape(detail: Mapping[str, Any], batch: int | None) -> tuple[int, ...]:
    shape = [int(extent) for extent in detail["shape_signature"]]
    if batch and shape and shape[0] < 0:
        shape[0] = batch
    return tuple(shape)


def _output_names(interpreter: Any, outs: Any, taken: list[str]) -> tuple[str, ...]:
    """Return the signature's names, which the tensors' do not resemble, where there is one signature; else theirs."""
    signatures = interpreter.get_signature_list()
    found = [detail["name"] for detail in outs]
    if len(signatures) == 1:
        key = next(iter(signatures))
        runner = interpreter.get_signature_runner(key)
        named = {detail["index"]: name for name, detail in runner.get_output_details().items()}
        found = [named.get(detail["index"], detail["name"]) for detail in outs]
    return tuple(distinct([*taken, *found])[len(taken) :])

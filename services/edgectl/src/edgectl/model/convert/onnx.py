"""An existing .onnx file: opset raised to what every step works with, checked against itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.tensors import TensorSpec
from edgectl.bundle.session import GraphRefuses, Model
from edgectl.model.convert.loaded import loaded
from edgectl.model.convert.names import versions
from edgectl.model.convert.operators import refuse_unknown
from edgectl.model.convert.opset import opset_of, raised
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.quiet import framework
from edgectl.model.convert.shapes import described
from edgectl.model.errors import ModelError
from edgectl.model.graphs import OPSET, read_model, tidied

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array

_AGAIN = f"export it again with opset {OPSET}"


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """The file at `path`; `session` runs it at its own opset."""

    path: Path
    session: Model
    inputs: tuple[TensorSpec, ...]
    own: Mapping[str, str]
    tools: Mapping[str, str]
    framework: str = "onnx"

    def convert(self) -> onnx.ModelProto:
        """Return the graph at opset 18 or, when it is higher already, at its own."""
        model = tidied(read_model(self.path))
        with framework(f"{self.path}: opset {opset_of(model)} cannot be raised to {OPSET}, {_AGAIN}"):
            return raised(model)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Return what ONNX Runtime answers with the graph as it was."""
        try:
            return self.session.run(feed)
        except GraphRefuses as exc:
            text = str(exc).removeprefix(f"{self.session.path}: ")
            raise ModelError(f"{self.path}: ONNX Runtime cannot run it: {text}") from None


def open_onnx(source: str, options: ConvertOptions) -> OnnxModel:
    """Return the .onnx file; raise ModelError, with the fix, when ONNX Runtime is too old for it."""
    if options.batch or options.shapes or options.dtype:
        raise ModelError(f"{source}: want no --batch, --shape or --dtype for a graph, which says its own; found one")
    model = read_model(Path(source))
    own = {value.name: _words(value) for value in (*model.graph.input, *model.graph.output)}
    tidied(model)
    refuse_unknown(source, model, "export it with standard operators")
    try:
        session = loaded(source, model)
    except ModelError as exc:
        raise ModelError(_too_new(source, model, str(exc))) from None
    return OnnxModel(Path(source), session, session.inputs, own, versions(["onnx", "onnxruntime"]))


def _words(value: onnx.ValueInfoProto) -> str:
    from onnx import TensorProto

    tensor = value.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in tensor.shape.dim]
    return described(value.name, TensorProto.DataType.Name(tensor.elem_type).lower(), shape)


def _too_new(source: str, model: onnx.ModelProto, refusal: str) -> str:
    """Return what ONNX Runtime said, in our words where it was about the opset."""
    newest = re.search(r"till opset (\d+)", refusal)
    if newest is None:
        return refusal
    tool = " ".join(f"{name} {version}" for name, version in versions(["onnxruntime"]).items())
    return f"{source}: want opset {newest[1]} or lower, which {tool} takes, found {opset_of(model)}; {_AGAIN}"

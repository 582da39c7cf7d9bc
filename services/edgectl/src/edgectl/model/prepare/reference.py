"""An original with its pre- and post-processing by numpy, OpenCV and Pillow: what a prepared graph must equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edge_common.tensors import Array, TensorSpec
from edgectl.model.convert.source import Original
from edgectl.model.prepare.after import reference as after
from edgectl.model.prepare.before import reference as before
from edgectl.model.prepare.before.fit import fitted, sent
from edgectl.model.prepare.declaration import Declaration
from edgectl.model.prepare.geometry import IMAGE
from edgectl.model.prepare.run import fed_by

if TYPE_CHECKING:
    import onnx


class Prepared:
    """An Original whose inputs are those of the prepared graph, and whose answers are what that graph must give."""

    def __init__(self, original: Original, declaration: Declaration, labels: Sequence[str]) -> None:
        """Take `original` as it is; raise ModelError when `declaration` does not fit its inputs."""
        self._original, self._declaration, self._labels = original, declaration, tuple(labels)
        self._one_frame = declaration.output is not None and declaration.output.spatial
        self._fed = None if declaration.input is None else fed_by(declaration.input, original.inputs)
        self.inputs = tuple(map(self._sent, original.inputs))

    @property
    def framework(self) -> str:
        return self._original.framework

    @property
    def tools(self) -> Mapping[str, str]:
        return self._original.tools

    def convert(self) -> onnx.ModelProto:
        """Return the prepared graph; raise ModelError as the original and prepare.run do."""
        from edgectl.model.convert.run import convert
        from edgectl.model.prepare.run import prepare

        return prepare(convert(self._original), self._declaration, self._labels)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Return answer -> array, as the prepared graph names and shapes them."""
        inner, geometry = dict(feed), None
        if self._declaration.input is not None and self._fed is not None:
            pixels = inner.pop(self._named(self._fed))
            made, geometry = before.apply(self._declaration.input, self._fed, self._one_frame, pixels)
            inner[self._fed.name] = made
        outputs = self._original.predict(inner)
        if self._declaration.output is None:
            return outputs
        kept = {name: outputs[name] for name in self._declaration.output.keep}
        return after.apply(self._declaration.output, outputs, self._labels, geometry) | kept

    def _sent(self, tensor: TensorSpec) -> TensorSpec:
        spec = self._declaration.input
        if spec is None or tensor != self._fed or spec.kind == "tensor":
            return tensor
        return TensorSpec(IMAGE, "UINT8", sent(fitted(spec, tensor, self._one_frame)))

    def _named(self, tensor: TensorSpec) -> str:
        spec = self._declaration.input
        return IMAGE if spec is not None and spec.kind == "image" else tensor.name

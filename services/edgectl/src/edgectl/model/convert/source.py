"""What every framework's module gives: the original, to be converted and to be measured against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array, TensorSpec


class Original(Protocol):
    """A trained model in its own framework.

    `inputs` are named and typed as those of the graph that `convert` makes, -1 standing for a free extent; `tools`
    are the versions of what converts it, package -> version.
    """

    @property
    def framework(self) -> str: ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def tools(self) -> Mapping[str, str]: ...

    def convert(self) -> onnx.ModelProto:
        """Return the graph; raise ModelError with the layers that have no ONNX operator."""
        ...

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Return output name -> array, named and shaped as the converted graph's outputs, computed by the framework."""
        ...

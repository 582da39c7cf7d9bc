"""The opset of standard operators, raised to what every step works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgectl.model.graphs import OPSET

if TYPE_CHECKING:
    import onnx


def opset_of(model: onnx.ModelProto) -> int:
    """Return the opset of standard operators, 0 when the graph has none."""
    return max((int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def raised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model` at opset 18, or as it is where its own is that or higher.

    Raises:
        RuntimeError: an operator of it has no newer form, or the graph is damaged.
    """
    from onnx import version_converter

    return version_converter.convert_version(model, OPSET) if 0 < opset_of(model) < OPSET else model

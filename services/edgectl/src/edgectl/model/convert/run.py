"""An original becomes a graph that ONNX Runtime takes, with the batch free and the opset every step works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgectl.model.convert.opset import raised
from edgectl.model.graphs import tidied

if TYPE_CHECKING:
    import onnx

    from edgectl.model.convert.source import Original


def convert(original: Original) -> onnx.ModelProto:
    """Return the graph of `original`, tidied; its inputs and outputs are named as `original` names them.

    Raises:
        ModelError: layers without an ONNX operator, each with its place.
    """
    model = tidied(original.convert())
    metadata = [(entry.key, entry.value) for entry in model.metadata_props]
    try:
        model = raised(model)
    except RuntimeError:
        # scikit-learn's converters write the lowest opset that does; a step that needs a higher one will say so.
        return model
    del model.metadata_props[:]
    for key, value in metadata:
        model.metadata_props.add(key=key, value=value)
    return tidied(model)

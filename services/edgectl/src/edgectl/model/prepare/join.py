"""Graphs put one behind the other: prefixed names inside, plain ones at the ends, nothing left that nobody asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import onnx
from onnx import compose, helper, shape_inference

from edgectl.model.errors import ModelError
from edgectl.model.graphs import foreign, inner_graphs


def joined(first: onnx.ModelProto, second: onnx.ModelProto, links: Mapping[str, str]) -> onnx.ModelProto:
    """Return both as one model, `links` (output of first -> input of second) connected; all other ends stay.

    An output of `first` can feed several inputs, and stays an output too: `trimmed` takes away what is too much.
    """
    outputs = [value.name for value in (*first.graph.output, *second.graph.output)]
    whole = compose.merge_models(first, second, list(links.items()), outputs=outputs)
    # It imports what both import twice, which onnx.version_converter does not survive.
    opsets = {entry.domain: entry.version for entry in whole.opset_import}
    del whole.opset_import[:]
    whole.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in opsets.items())
    return whole


def prefixed(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """Return a copy of `model` with `prefix` before every name of a tensor and of a node."""
    return compose.add_prefix(model, prefix)


def trimmed(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """Return `model`, changed in place: its outputs are `outputs`, in that order, and what leads to none is gone."""
    graph = model.graph
    found = {value.name: value for value in graph.output}
    # What lies between keeps its shape, which the operators before it may not tell.
    graph.value_info.extend(found[name] for name in found if name not in outputs)
    ordered = [onnx.ValueInfoProto.FromString(found[name].SerializeToString()) for name in outputs]
    del graph.output[:]
    graph.output.extend(ordered)
    needed, kept = set(outputs), []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(_read(node))
            kept.append(node)
    _only(graph.node, kept[::-1])
    _only(graph.initializer, [constant for constant in graph.initializer if constant.name in needed])
    _only(graph.value_info, [value for value in graph.value_info if value.name in needed])
    return model


def settled(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model`, changed in place: extents of outputs that follow from the inputs' are fixed.

    A model of any batch has a batch of 1 behind a letterbox.
    """
    loose = onnx.ModelProto()
    loose.CopyFrom(model)
    for value in loose.graph.output:
        value.type.tensor_type.ClearField("shape")
    found = {value.name: value for value in shape_inference.infer_shapes(loose, data_prop=True).graph.output}
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim, found[value.name].type.tensor_type.shape.dim
        for stated, followed in zip(*dims, strict=False):
            if followed.HasField("dim_value") and not stated.HasField("dim_value"):
                stated.dim_value = followed.dim_value
    return model


def _only(held: Any, kept: Sequence[Any]) -> None:
    """Let a repeated field of a protobuf message hold `kept`, which come from it."""
    if len(held) != len(kept):
        copies = [type(item).FromString(item.SerializeToString()) for item in kept]
        del held[:]
        held.extend(copies)


def _read(node: onnx.NodeProto) -> Iterator[str]:
    """The tensors that a node reads, those that its branches and loop bodies take from around it too."""
    yield from node.input
    for inner in inner_graphs(node):
        for child in inner.node:
            yield from _read(child)
        yield from (value.name for value in inner.output)


def refuse_foreign(model: onnx.ModelProto) -> None:
    """Raise ModelError that names an operator which is not of standard ONNX and not a function in the model."""
    if (node := next(foreign(model), None)) is not None:
        raise ModelError(
            f"want standard ONNX operators only, which every ONNX Runtime has, found {node.domain}.{node.op_type} "
            f"in '{node.name}'; prepare the graph before it is optimised for one target"
        )

"""ONNX graphs as every step reads, tidies and writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

# What converters, quantisers and ONNX Runtime all take; newer onnx packages write more by default, which ONNX Runtime
# 1.31 refuses (docs/models.md has the table).
OPSET, IR_VERSION = 18, 10
BATCH = "N"
# protobuf's own limit of one message.
MAX_GRAPH_BYTES = 2**31 - 1
# Domains that every ONNX Runtime of any build and CPU has; "ai.onnx" is the standard's other name for "".
STANDARD = frozenset(("", "ai.onnx", "ai.onnx.ml"))
# Graphs nest in If, Loop and Scan; one that nests deeper than this is damaged or hostile.
MAX_DEPTH = 32


def read_model(path: Path, weights: bool = True) -> onnx.ModelProto:
    """Return the graph in the file `path`; without `weights`, what lies in a file beside it is left there.

    Raises:
        ModelError: no file there, no ONNX model in it, or one over 2 GiB.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx.external_data_helper import load_external_data_for_model

    if not path.is_file():
        raise ModelError(f"{path}: want an .onnx file, found {'a directory' if path.is_dir() else 'nothing there'}")
    try:
        check_size(path, path.stat().st_size)
        model = onnx.load_model(str(path), load_external_data=False)
        if weights:
            check_size(path, model.ByteSize() + _beside(model))
            load_external_data_for_model(model, str(path.parent))
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as exc:
        raise ModelError(f"{path}: want an ONNX model, found: {str(exc).partition(chr(10))[0]}") from None
    if not model.graph.node:
        raise ModelError(f"{path}: want an ONNX model, found no operator in it")
    return model


def check_size(where: object, size: int) -> None:
    """Raise ModelError for a graph of `size` bytes, weights and all, that is over protobuf's limit."""
    if size > MAX_GRAPH_BYTES:
        raise ModelError(f"{where}: want a graph under 2 GiB with its weights, found {size / 2**30:.1f} GiB")


def _beside(model: onnx.ModelProto) -> int:
    """Return the bytes of weights that lie in other files, as far as the graph says."""
    entries = (entry for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "length")
    return sum(int(entry.value) for entry in entries if entry.value.isdecimal())


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs in a node's attributes: branches and loop bodies."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def graphs_in(graph: onnx.GraphProto, depth: int = 0) -> Iterator[onnx.GraphProto]:
    """Yield `graph` and every one inside its nodes; raise ModelError where they nest deeper than MAX_DEPTH."""
    if depth > MAX_DEPTH:
        raise ModelError(f"want graphs nested at most {MAX_DEPTH} deep, found more")
    yield graph
    for node in graph.node:
        for inner in inner_graphs(node):
            yield from graphs_in(inner, depth + 1)


def nodes_in(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield every node of `graph`, those of the graphs inside its nodes too."""
    for each in graphs_in(graph):
        yield from each.node


def foreign(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes that are neither standard ONNX nor functions of `model`."""
    own = {(function.domain, function.name) for function in model.functions}
    functions = (node for function in model.functions for node in function.node)
    for node in (*nodes_in(model.graph), *functions):
        if node.domain not in STANDARD and (node.domain, node.op_type) not in own:
            yield node


def elements(tensor: onnx.TensorProto) -> int:
    """Return how many numbers a constant tensor has."""
    return math.prod(tensor.dims)


def write_model(model: onnx.ModelProto, path: Path) -> None:
    """Check `model` and write it to `path` as one file; raise ModelError when it is not a valid graph."""
    import onnx

    check_size(path, model.ByteSize())
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as exc:
        raise ModelError(f"{path}: the graph is not valid ONNX: {str(exc).splitlines()[0]}") from None
    path.write_bytes(model.SerializeToString())


def tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model`, changed in place: each opset once, an IR that ONNX Runtime takes, the free batch called "N".

    skl2onnx and onnxmltools import a domain twice, which onnx.version_converter does not survive; tf2onnx calls the
    batch `unk__41`.
    """
    from onnx import helper

    opsets = {entry.domain: entry.version for entry in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in opsets.items())
    model.ir_version = min(model.ir_version, IR_VERSION)
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_param = BATCH
    return model

"""Everything worth knowing about a model file, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

    from edge_common.bundle import Bundle

# Types of which several elements share a byte; numpy has a whole one for each.
_PACKED_BITS = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}


def inspect_model(source: Path, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Return what `edgectl model inspect --json` prints of a bundle, a graph or another framework's model.

    `shapes` (input name -> shape) settles the free axes that the estimated work depends on.

    Raises:
        StartError: nothing there, no model, or a bundle that is broken.
    """
    from edge_common.bundle import MANIFEST, read_bundle
    from edgectl.model.convert.detect import detect
    from edgectl.model.inspect_foreign import foreign_facts

    if (source / MANIFEST).is_file():
        bundle = read_bundle(source)
        bundle.check_hash()
        return _of_bundle(bundle) | _of_graph(bundle.model_path, shapes or _golden_shapes(bundle))
    if source.is_dir() and not (source / "saved_model.pb").is_file():
        raise ModelError(f"{source}: want a bundle (model.toml) or a SavedModel (saved_model.pb), found neither in it")
    kind = detect(str(source), None)
    if kind == "onnx":
        return {"kind": "ONNX graph", "name": source.name} | _of_graph(source, shapes)
    if kind == "factory":
        raise ModelError(f"{source}: want a file, found a factory; `edgectl model convert {source}` calls it")
    facts = {"kind": _words(kind), "name": source.name, "path": str(source), "size_bytes": _size(source)}
    return facts | foreign_facts(source, kind)


def _words(kind: str) -> str:
    from edgectl.model.convert.detect import KINDS

    return KINDS[kind][1].split(" ", 1)[1]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _of_bundle(bundle: Bundle) -> dict[str, Any]:
    return {
        "kind": "bundle",
        "name": bundle.name,
        "version": bundle.version,
        "task": bundle.task,
        "description": bundle.description,
        "sha256": bundle.sha256,
        "answer": bundle.answer.outputs(),
        "labels": list(bundle.labels),
    }


def _golden_shapes(bundle: Bundle) -> dict[str, Sequence[int]]:
    from edge_common.golden import load_golden

    if not bundle.golden_files:
        return {}
    return {name: array.shape for name, array in load_golden(bundle.golden_files[0]).inputs.items()}


def _of_graph(path: Path, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    from edgectl.bundle.graph import read_graph
    from edgectl.bundle.inspect import graph_facts
    from edgectl.model.cost import size_of
    from edgectl.model.graphs import read_model
    from edgectl.model.inspect_layers import layers_of

    found = graph_facts(read_graph(path))
    model = read_model(path, weights=False)
    inputs, outputs = _tensors(_free_inputs(model.graph)), _tensors(model.graph.output)
    _check_shapes(shapes, inputs)
    tensors = sorted(model.graph.initializer, key=lambda tensor: -_bytes(tensor))
    largest = [_largest(tensor) for tensor in tensors]
    layers = layers_of(model, shapes)
    return {
        "size_bytes": size_of(path),
        "inputs": inputs,
        "outputs": outputs,
        **found,
        "at_shapes": {value.name: _extents(value) for value in _free_inputs(model.graph)},
        "macs": sum(layer.macs or 0 for layer in layers),
        "layers_of_unknown_work": sum(layer.macs is None for layer in layers),
        "tensors": largest,
        "layers": [asdict(layer) for layer in layers],
    }


def _check_shapes(shapes: Mapping[str, Sequence[int]], inputs: Sequence[Mapping[str, Any]]) -> None:
    known = {tensor["name"]: tensor["shape"] for tensor in inputs}
    for name, shape in shapes.items():
        if name not in known:
            raise ModelError(f"--shape {name}: want one of the inputs {list(known)}, found {name!r}")
        wanted = known[name]
        if len(wanted) != len(shape) or any(w not in (-1, found) for w, found in zip(wanted, shape, strict=False)):
            raise ModelError(f"--shape {name}: want {wanted} (-1 is any), found {list(shape)}")


def _free_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Return the inputs that are no weights: old graphs list those too."""
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _tensors(values: Sequence[onnx.ValueInfoProto]) -> list[dict[str, Any]]:
    return [{"name": value.name, "datatype": _datatype(value), "shape": _extents(value)} for value in values]


def _extents(value: onnx.ValueInfoProto) -> list[int]:
    return [dim.dim_value if dim.HasField("dim_value") else -1 for dim in value.type.tensor_type.shape.dim]


def _datatype(value: onnx.ValueInfoProto) -> str:
    """Return the protocol's name of the type, or what else it is: such a graph cannot be served."""
    import onnx

    from edge_common.errors import StartError
    from edge_common.tensors import graph_tensor

    if value.type.WhichOneof("value") != "tensor_type":
        return str(value.type.WhichOneof("value") or "unknown").removesuffix("_type")
    name = str(onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)).lower()
    try:
        return graph_tensor(value.name, f"tensor({name})", ()).datatype
    except StartError:
        return name


def _largest(tensor: onnx.TensorProto) -> dict[str, Any]:
    import onnx

    kind = str(onnx.TensorProto.DataType.Name(tensor.data_type)).lower()
    return {"name": tensor.name, "type": kind, "shape": list(tensor.dims), "bytes": _bytes(tensor)}


def _bytes(tensor: onnx.TensorProto) -> int:
    """Return how many bytes its elements take: of text, those in the file."""
    import math

    import onnx

    if tensor.data_type == onnx.TensorProto.STRING:
        return sum(map(len, tensor.string_data))
    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    bits = _PACKED_BITS.get(kind) or 8 * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    return (int(math.prod(tensor.dims)) * bits + 7) // 8


def lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and text of what a summary says beyond a graph's own lines."""
    for key in ("kind", "task", "description", "sha256"):
        if facts.get(key):
            yield key, str(facts[key])
    if facts.get("classes"):
        yield "classes in it", ", ".join(facts["classes"])
    if facts.get("labels"):
        shown = ", ".join(facts["labels"][:10])
        yield "labels", shown + (f", ... ({len(facts['labels'])})" if len(facts["labels"]) > 10 else "")

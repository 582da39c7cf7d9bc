"""What changed from one bundle to another, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_common.bundle import MANIFEST, Bundle, read_bundle
from edge_common.golden import load_all
from edge_common.manifest import manifest_dict
from edge_common.tensors import Array

if TYPE_CHECKING:
    import onnx

# What follows from other parts of the difference, each of which says more.
_DERIVED = ("file.sha256", "golden.files")


def diff_bundles(a: Path, b: Path) -> dict[str, Any]:
    """Return what `edgectl bundle diff --json` prints: `same`, and under each heading only what differs.

    Raises:
        StartError: one of them is no bundle or graph, or is broken.
    """
    bundles = read_bundle(a), read_bundle(b)
    hashes = tuple(bundle.check_hash() for bundle in bundles)
    found: dict[str, Any] = {"manifest": _manifests(*bundles), "labels": _labels(*bundles), "golden": _golden(*bundles)}
    found["graph"] = {} if hashes[0] == hashes[1] else _graphs(*bundles)
    return {
        "same": hashes[0] == hashes[1] and not any(found.values()),
        "a": _who(bundles[0], hashes[0]),
        "b": _who(bundles[1], hashes[1]),
        **found,
    }


def _who(bundle: Bundle, sha256: str) -> dict[str, Any]:
    size = bundle.model_path.stat().st_size
    return {"name": bundle.name, "version": bundle.version, "sha256": sha256, "size_bytes": size}


def changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return key -> {"a", "b"} of every key whose values differ; None where it is missing."""
    keys = [*a, *(key for key in b if key not in a)]
    return {key: {"a": a.get(key), "b": b.get(key)} for key in keys if a.get(key) != b.get(key)}


def _manifests(a: Bundle, b: Bundle) -> dict[str, Any]:
    return changes(_flat(a), _flat(b))


def _flat(bundle: Bundle) -> dict[str, Any]:
    """Return dotted key -> value of model.toml with every default; nothing of a bare graph."""
    import msgspec

    from edge_common.manifest import Manifest
    from edge_common.tomlfile import read_toml

    if bundle.sha256 is None:
        return {}
    manifest = read_toml(bundle.directory / MANIFEST, Manifest)
    said = dict(_dotted("", manifest_dict(manifest)))
    said |= dict(_dotted("golden.", msgspec.structs.asdict(manifest.golden)))
    return {key: value for key, value in said.items() if key not in _DERIVED}


def _dotted(before: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _dotted(f"{before}{key}.", value)
        else:
            yield before + key, value


def _labels(a: Bundle, b: Bundle) -> dict[str, Any]:
    """Return labels that only one has, and those of both that mean another class number."""
    if a.labels == b.labels:
        return {}
    place_a, place_b = ({label: index for index, label in enumerate(bundle.labels)} for bundle in (a, b))
    moved = changes(
        {k: v for k, v in place_a.items() if k in place_b}, {k: v for k, v in place_b.items() if k in place_a}
    )
    found = {
        "only_a": [label for label in a.labels if label not in place_b],
        "only_b": [label for label in b.labels if label not in place_a],
        "moved": moved,
    }
    return {key: value for key, value in found.items() if value}


def _golden(a: Bundle, b: Bundle) -> dict[str, Any]:
    """Return samples, by name, that only one has or whose inputs or outputs differ."""
    ours, theirs = ({sample.name: sample for sample in load_all(bundle)} for bundle in (a, b))
    both = [name for name in ours if name in theirs]
    found = {
        "only_a": [name for name in ours if name not in theirs],
        "only_b": [name for name in theirs if name not in ours],
        "other_inputs": [name for name in both if not _equal(ours[name].inputs, theirs[name].inputs)],
        "other_outputs": [name for name in both if not _equal(ours[name].outputs, theirs[name].outputs)],
    }
    return {key: value for key, value in found.items() if value}


def _equal(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and bytes(a[name]) == bytes(b[name])
        if a[name].dtype.kind != "O"
        else a[name].tolist() == b[name].tolist()
        for name in a
    )


def _graphs(a: Bundle, b: Bundle) -> dict[str, Any]:
    from edgectl.bundle.graph import read_graph
    from edgectl.bundle.inspect import graph_facts
    from edgectl.model.graphs import read_model

    models = tuple(read_model(bundle.model_path) for bundle in (a, b))
    facts = tuple(graph_facts(read_graph(bundle.model_path)) for bundle in (a, b))
    operators = changes(facts[0].pop("operators"), facts[1].pop("operators"))
    found = {
        "facts": changes(*facts),
        "tensors": changes(*map(_tensors, models)),
        "operators": {name: {side: count or 0 for side, count in each.items()} for name, each in operators.items()},
        "weights": _weights(*map(_hashes, models)),
        "nodes_differ": _nodes(models[0]) != _nodes(models[1]),
        "metadata": changes(*({entry.key: entry.value for entry in model.metadata_props} for model in models)),
    }
    # Two files with other hashes are other files, even where nothing that counts is different.
    return {key: value for key, value in found.items() if value} or {"bytes_differ": True}


def _tensors(model: onnx.ModelProto) -> dict[str, str]:
    """Return "input x" -> its type and shape, as a person reads it."""
    import onnx

    weights = {tensor.name for tensor in model.graph.initializer}
    return {
        f"{side} {value.name}": onnx.helper.printable_type(value.type)
        for side, values in (("input", model.graph.input), ("output", model.graph.output))
        for value in values
        if value.name not in weights
    }


def _hashes(model: onnx.ModelProto) -> dict[str, str]:
    """Return name -> hash of type, shape and values of every constant tensor of the outer graph."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors |= dict.fromkeys(node.output[:1], next((a.t for a in node.attribute if a.HasField("t")), None))
    return {name: _hash(tensor) for name, tensor in tensors.items() if tensor is not None}


def _hash(tensor: onnx.TensorProto) -> str:
    from onnx import numpy_helper

    array = numpy_helper.to_array(tensor)
    values = repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    return hashlib.sha256(f"{tensor.data_type} {list(tensor.dims)} ".encode() + values).hexdigest()


def _weights(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, Any]:
    """Return names of tensors that changed, and that one has alone; one found under another name is renamed."""
    gone, fresh = ([name for name in ours if name not in theirs] for ours, theirs in ((a, b), (b, a)))
    renamed = dict(_renamed(gone, fresh, a, b))
    found: dict[str, Any] = {
        "changed": [name for name in a if name in b and a[name] != b[name]],
        "only_a": [name for name in gone if name not in renamed],
        "only_b": [name for name in fresh if name not in renamed.values()],
        "renamed": renamed,
    }
    if not any(found.values()):
        return {}
    return {"same": sum(b.get(name) == value for name, value in a.items()) + len(renamed), **found}


def _renamed(
    gone: Sequence[str], fresh: Sequence[str], a: Mapping[str, str], b: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    there: dict[str, list[str]] = {}
    for name in reversed(fresh):
        there.setdefault(b[name], []).append(name)
    for name in gone:
        if there.get(a[name]):
            yield name, there[a[name]].pop()


def _nodes(model: onnx.ModelProto) -> list[bytes]:
    return [node.SerializeToString(deterministic=True) for node in model.graph.node if node.op_type != "Constant"]

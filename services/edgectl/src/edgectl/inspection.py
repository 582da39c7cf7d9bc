"""What a bundle holds and whether it answers as recorded."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from edge_common.bundle import Bundle, BundleError
from edge_common.golden import Difference, check_names, compare, load_golden
from edge_common.tensors import Array
from rich.table import Table

from edgectl.runtime import Model

_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


def golden_difference(bundle: Bundle) -> Difference | None:
    """Run every golden sample and return the first difference."""
    model = Model(bundle.model_path)
    for path in bundle.golden_files:
        golden = load_golden(path)
        check_names(golden, (name for name, _, _ in model.inputs), (name for name, _, _ in model.outputs))
        difference = compare(golden, model.run(golden.inputs), bundle.golden.rtol, bundle.golden.atol)
        if difference is not None:
            return difference
    return None


def facts(bundle: Bundle) -> dict[str, Any]:
    """Return plain data about the bundle and its graph."""
    digest = bundle.check_hash()
    model = Model(bundle.model_path)
    proto = onnx.load(bundle.model_path)
    operators = Counter(node.op_type for node in _nodes(proto.graph))
    difference = golden_difference(bundle)
    return {
        "name": bundle.name,
        "version": bundle.version,
        "task": bundle.task,
        "description": bundle.description,
        "sha256": digest,
        "size_bytes": bundle.model_path.stat().st_size,
        "ir_version": proto.ir_version,
        "opset": {entry.domain or "ai.onnx": entry.version for entry in proto.opset_import},
        "inputs": [_tensor(*value) for value in model.inputs],
        "outputs": [_tensor(*value) for value in model.outputs],
        "parameters": sum(int(np.prod(item.dims)) for item in proto.graph.initializer),
        "operators": dict(operators.most_common()),
        "quantised": any(_is_quantised(name) for name in operators),
        "labels": list(bundle.labels),
        "golden": {"samples": len(bundle.golden_files), "difference": str(difference) if difference else None},
    }


def tables(found: dict[str, Any]) -> list[Table]:
    """Return what `facts` says for a terminal."""
    title = f"{found['name']} {found['version']}"
    summary = Table("key", "value", title=title, show_header=False)
    golden = found["golden"]
    opsets = ", ".join(f"{domain} {number}" for domain, number in found["opset"].items())
    for key, value in (
        ("task", found["task"]),
        ("description", found["description"] or "-"),
        ("sha256", found["sha256"]),
        ("size", f"{found['size_bytes'] / 1024:.0f} kB"),
        ("parameters", f"{found['parameters']:,}"),
        ("IR, opset", f"{found['ir_version']}, {opsets}"),
        ("quantised", "yes" if found["quantised"] else "no"),
        ("golden", golden["difference"] or f"{golden['samples']} samples agree"),
    ):
        summary.add_row(key, value)
    tensors = Table("", "name", "type", "shape", title="tensors")
    for side in ("inputs", "outputs"):
        for tensor in found[side]:
            tensors.add_row(side[:-1], tensor["name"], tensor["type"], str(tensor["shape"]))
    operators = Table("operator", "count", title="operators")
    for name, count in found["operators"].items():
        operators.add_row(name, str(count))
    return [summary, tensors, operators]


def load_inputs(path: Path) -> dict[str, Array]:
    """Return the arrays of an .npz; text becomes an object array of str."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key].astype(object) if arrays[key].dtype.kind == "U" else arrays[key] for key in arrays}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError) as exc:
        raise BundleError(f"{path}: want an .npz with one plain array per input: {exc}") from None


def _nodes(graph: Any) -> list[Any]:
    """Every node, those of If and Loop bodies included."""
    found = []
    for node in graph.node:
        found.append(node)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found += _nodes(attribute.g)
    return found


def _is_quantised(operator: str) -> bool:
    return operator in _QUANTISED or operator.startswith(("QLinear", "MatMulInteger", "ConvInteger"))


def _tensor(name: str, kind: str, shape: list[Any]) -> dict[str, Any]:
    return {"name": name, "type": kind, "shape": shape}

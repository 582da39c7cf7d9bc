"""Everything worth knowing about a bundle, as plain data and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from edge_common.tensors import TensorSpec
from edgectl.bundle.check import Result, check_bundle
from edgectl.bundle.graph import Graph, read_graph


def inspect_bundle(path: Path) -> dict[str, Any]:
    """Return what `edgectl bundle inspect --json` prints; raise BundleError as check_bundle does."""
    result = check_bundle(path)
    bundle, graph = result.bundle, read_graph(result.bundle.model_path)
    return {
        "name": bundle.name,
        "version": bundle.version,
        "task": bundle.task,
        "description": bundle.description,
        "sha256": result.sha256,
        "size_bytes": bundle.model_path.stat().st_size,
        "inputs": [tensor_facts(spec) for spec in result.model.inputs],
        "outputs": [tensor_facts(spec) for spec in result.model.outputs],
        "answer": bundle.answer.outputs(),
        "labels": list(bundle.labels),
        **graph_facts(graph),
        "golden": _golden(result),
        "reference": bundle.reference.predictions if bundle.reference else 0,
    }


def graph_facts(graph: Graph) -> dict[str, Any]:
    """Return what a graph is made of, as JSON has it."""
    return {
        "ir_version": graph.ir_version,
        "opsets": graph.opsets,
        "producer": graph.producer,
        "operators": graph.operators,
        "parameters": graph.parameters,
        "tree_nodes": graph.tree_nodes,
        "quantised": graph.quantised,
    }


def tensor_facts(spec: TensorSpec) -> dict[str, Any]:
    """Return an input or output as JSON has it; -1 in its shape is any extent."""
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _golden(result: Result) -> dict[str, Any]:
    return {
        "samples": result.samples,
        "agree": result.samples - len(result.differences),
        "differences": [str(difference) for difference in result.differences],
    }


def tables(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield rich tables for a person: the bundle, its tensors, its operators."""
    summary = Table("", "", title=f"{facts['name']} {facts['version']}", show_header=False, title_justify="left")
    summary.columns[1].overflow = "fold"
    for name, value in _summary(facts):
        summary.add_row(name, escape(value))
    yield summary
    yield tensor_table(facts)
    yield operator_table(facts)


def tensor_table(facts: Mapping[str, Any]) -> Table:
    """Return `inputs` and `outputs` as a table."""
    tensors = Table("", "name", "datatype", "shape", title="tensors", title_justify="left")
    for side in ("inputs", "outputs"):
        for tensor in facts[side]:
            shape = ", ".join("any" if extent < 0 else str(extent) for extent in tensor["shape"])
            tensors.add_row(side.removesuffix("s"), escape(tensor["name"]), tensor["datatype"], escape(f"[{shape}]"))
    return tensors


def operator_table(facts: Mapping[str, Any]) -> Table:
    """Return `operators` as a table."""
    operators = Table("operator", "count", title="operators", title_justify="left")
    for name, count in facts["operators"].items():
        operators.add_row(escape(name), str(count))
    return operators


def _summary(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    golden = facts["golden"]
    yield "task", facts["task"]
    if facts["description"]:
        yield "description", facts["description"]
    yield "sha256", facts["sha256"]
    yield from graph_lines(facts)
    if facts["labels"]:
        shown = ", ".join(facts["labels"][:10])
        yield "labels", shown + (f", ... ({len(facts['labels'])})" if len(facts["labels"]) > 10 else "")
    yield "golden samples", f"{golden['agree']} of {golden['samples']} agree" if golden["samples"] else "none"
    yield "reference", f"{facts['reference']:,} predictions" if facts["reference"] else "none: drift cannot be told"
    yield from (("differs", text) for text in golden["differences"])


def graph_lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a summary that any graph has: name and text."""
    yield "size", f"{facts['size_bytes'] / 1000:,.1f} kB"
    yield "opset", ", ".join(f"{domain} {version}" for domain, version in facts["opsets"].items())
    yield "IR version", str(facts["ir_version"])
    if facts["producer"]:
        yield "producer", facts["producer"]
    yield "parameters", f"{facts['parameters']:,}"
    if facts["tree_nodes"]:
        yield "tree nodes", f"{facts['tree_nodes']:,}"
    yield "quantised", facts["quantised"]

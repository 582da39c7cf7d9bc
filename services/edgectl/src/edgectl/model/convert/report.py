"""Names and shapes before and after, what was found on the way, and parity: for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgectl.bundle.session import Model
    from edgectl.model.convert.parity import Parity
    from edgectl.model.convert.source import Original


def facts_of(source: str, original: Original, graph: Model, opset: int, parity: Parity) -> dict[str, Any]:
    """Return the report: tensors with what they were, notes of the conversion, parity."""
    own: Mapping[str, str] = getattr(original, "own", {})
    notes: Sequence[str] = getattr(original, "notes", ())
    sides = {
        side: [
            {"before": own.get(s.name, ""), "name": s.name, "datatype": s.datatype, "shape": list(s.shape)}
            for s in tensors
        ]
        for side, tensors in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    return {
        "source": source, "framework": original.framework, "tools": dict(original.tools), "opset": opset, **sides,
        "notes": list(notes), "parity": parity.facts(),
    }  # fmt: skip


def tables(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield rich tables for a person."""
    from rich.markup import escape
    from rich.table import Table

    title = f"{facts['source']}: {facts['framework']} → ONNX opset {facts['opset']}"
    shapes = Table("", "before", "after", title=escape(title), title_justify="left")
    for side in ("inputs", "outputs"):
        for tensor in facts[side]:
            after = f"{tensor['name']} {tensor['datatype']} {_extents(tensor['shape'])}"
            shapes.add_row(side.removesuffix("s"), escape(tensor["before"]), escape(after))
    yield shapes
    for note in facts["notes"]:
        yield escape(note)
    yield _parity(facts["parity"])


def _parity(facts: Mapping[str, Any]) -> RenderableType:
    from rich.markup import escape
    from rich.table import Table

    title = f"graph against original, {facts['samples']} samples"
    table = Table("output", "max difference", "mean difference", "beyond tolerance", title=title, title_justify="left")
    for row in facts["outputs"]:
        beyond = f"{row['beyond']} of {row['values']}" + (f", {row['ties']} ties" if row["ties"] else "")
        table.add_row(
            escape(row["output"]), f"{row['max_difference']:.3g}", f"{row['mean_difference']:.3g}", beyond
        )  # fmt: skip
    return table


def _extents(shape: Sequence[int]) -> str:
    return f"[{', '.join('any' if extent < 0 else str(extent) for extent in shape)}]"

"""edgectl model inspect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from edgectl.model.report import AsJson, show

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

Source = Annotated[
    Path,
    Argument(metavar="PATH", help="Bundle, .onnx, or a model of Keras, TFLite, scikit-learn, XGBoost, PyTorch, ..."),
]
Shape = Annotated[
    list[str] | None, Option(metavar="INPUT=1,480,640,3", help="Settles free axes, to count multiply-adds.")
]
Top = Annotated[int, Option(min=1, max=1000, help="Rows of the tables of tensors and layers; --json has all.")]


def inspect(path: Source, shape: Shape = None, top: Top = 10, as_json: AsJson = False) -> None:
    """Show what a model file is, and of a graph its tensors, largest weights and costliest layers.

    Nothing is run: neither the graph nor what a pickle holds.
    """
    from edgectl.bundle.options import shapes_of
    from edgectl.model.inspect_facts import inspect_model

    facts = inspect_model(path, shapes_of(shape or []))
    show(facts, tables(facts, top), as_json)


def tables(facts: Mapping[str, Any], top: int) -> Iterator[RenderableType]:
    """Yield rich tables for a person: what it is, its tensors, and of a graph weights, layers and operators."""
    from rich.markup import escape
    from rich.table import Table

    from edgectl.bundle.inspect import operator_table, tensor_table

    title = escape(f"{facts['name']} {facts.get('version', '')}".strip())
    summary = Table("", "", title=title, show_header=False, title_justify="left")
    summary.columns[1].overflow = "fold"
    for name, text in _summary(facts):
        summary.add_row(name, escape(text))
    yield summary
    if facts.get("inputs") or facts.get("outputs"):
        yield tensor_table({"inputs": [], "outputs": []} | dict(facts))
    if "layers" in facts:
        if facts["tensors"]:
            yield _weights(facts["tensors"], top)
        if _costliest(facts["layers"]):
            yield _layers(facts, top)
        yield operator_table(facts)


def _summary(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from edgectl.bundle.inspect import graph_lines
    from edgectl.model.inspect_facts import lines

    yield from lines(facts)
    if "layers" not in facts:
        yield "size", f"{facts['size_bytes'] / 1000:,.1f} kB"
        if facts.get("producer"):
            yield "producer", facts["producer"]
        trust = " --trust" if facts.get("kind") == "pickle" else ""
        yield "next", f"edgectl model convert {facts['path']}{trust} --name NAME --version 1.0.0 --output DIR"
        return
    yield from graph_lines(facts)
    if facts["macs"] or facts["layers_of_unknown_work"]:
        yield "work", _work(facts)


def _work(facts: Mapping[str, Any]) -> str:
    shapes = ", ".join(f"{name} {shape}" for name, shape in facts["at_shapes"].items())
    text = f"{_count(facts['macs'])} multiply-adds a run at {shapes}"
    unknown = facts["layers_of_unknown_work"]
    return f"{text}; {unknown} layers not counted: give --shape for free axes (-1)" if unknown else text


def _weights(tensors: Sequence[Mapping[str, Any]], top: int) -> Table:
    from rich.markup import escape

    whole = sum(tensor["bytes"] for tensor in tensors) or 1
    table = _table("largest tensors", "tensor", "type", "shape", "kB", "share")
    for tensor in tensors[:top]:
        size = f"{tensor['bytes'] / 1000:,.1f}"
        row = (escape(tensor["name"]), tensor["type"], escape(str(tensor["shape"])), size)
        table.add_row(*row, f"{tensor['bytes'] / whole:.1%}")
    if rest := tensors[top:]:
        size = sum(tensor["bytes"] for tensor in rest)
        table.add_row(f"and {len(rest)} more", "", "", f"{size / 1000:,.1f}", f"{size / whole:.1%}")
    return table


def _layers(facts: Mapping[str, Any], top: int) -> Table:
    from rich.markup import escape

    table = _table("costliest layers", "layer", "operator", "output", "parameters", "multiply-adds", "share")
    whole = facts["macs"] or 1
    for layer in _costliest(facts["layers"])[:top]:
        macs = layer["macs"]
        shape = (
            [("any" if extent is None else extent) for extent in layer["shape"]] if layer["shape"] is not None else "?"
        )
        cells = (
            escape(layer["name"]),
            layer["operator"],
            escape(str(shape).replace("'", "")),
            f"{layer['parameters']:,}",
        )
        table.add_row(*cells, "?" if macs is None else _count(macs), "" if not macs else f"{macs / whole:.1%}")
    return table


def _costliest(layers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the layers that work or hold anything, the most work first, then the most parameters."""
    found = [layer for layer in layers if layer["macs"] != 0 or layer["parameters"]]
    return sorted(found, key=lambda layer: (-(layer["macs"] or 0), -layer["parameters"]))


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        number = name in ("kB", "share", "parameters", "multiply-adds")
        table.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return table


def _count(number: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return str(number)


inspect.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl model inspect models/belt-detector\n\n"
    "edgectl model inspect model.onnx --shape image=1,480,640,3 --top 20\n\n"
    "edgectl model inspect model.tflite --json | jq .inputs"
)

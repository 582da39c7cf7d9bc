"""The difference of two bundles as tables for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

# More names than these are counted; --json has them all.
_SHOWN = 8
_GOLDEN = {
    "other_inputs": "other inputs",
    "other_outputs": "other outputs",
    "only_a": "only in A",
    "only_b": "only in B",
}


def tables(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield one line when the two are the same, else a table of all that differs."""
    a = found["a"]
    if found["same"]:
        yield escape(f"{a['name']} {a['version']}: no difference, sha256 {a['sha256'][:12]}")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title="differences", title_justify="left")
    for name in ("", "A", "B"):
        table.add_column(name, overflow="fold")
    for what, ours, theirs in _rows(found):
        table.add_row(escape(what), escape(ours), escape(theirs))
    yield table


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    a, b, graph = found["a"], found["b"], found["graph"]
    yield "bundle", f"{a['name']} {a['version']}", f"{b['name']} {b['version']}"
    if graph:
        yield "graph", f"sha256 {a['sha256'][:12]}", f"sha256 {b['sha256'][:12]}"
        yield "size", *_sizes(a["size_bytes"], b["size_bytes"])
    for heading, pairs in (
        ("", {key.replace("_", " "): each for key, each in graph.get("facts", {}).items()}),
        ("", graph.get("tensors", {})),
        ("operator ", graph.get("operators", {})),
        ("metadata ", graph.get("metadata", {})),
        ("model.toml ", found["manifest"]),
    ):
        for key, each in pairs.items():
            yield f"{heading}{key}", _text(each["a"]), _text(each["b"])
    yield from _graph(graph)
    yield from _labels(found["labels"])
    for key, words in _GOLDEN.items():
        if names := found["golden"].get(key):
            yield f"golden samples with {words}" if "other" in words else f"golden samples {words}", _names(names), ""


def _sizes(a: int, b: int) -> tuple[str, str]:
    # An empty file has no graph in it, and is refused before; what grew from nothing has no share.
    return f"{a / 1000:,.1f} kB", f"{b / 1000:,.1f} kB" + (f" ({(b - a) / a:+.1%})" if a else "")


def _graph(graph: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if graph.get("nodes_differ") and not graph.get("operators"):
        yield "operators", "the same counts", "other attributes or connections"
    if graph.get("bytes_differ"):
        yield "file", "the same graph", "written otherwise"
    weights = graph.get("weights")
    if not weights:
        return
    yield "weights the same", str(weights["same"]), ""
    for key in ("changed", "only_a", "only_b"):
        if names := weights[key]:
            cell = f"{len(names)}: {_names(names)}"
            words = {"changed": "weights changed", "only_a": "weights only in A", "only_b": "weights only in B"}[key]
            yield words, "" if key == "only_b" else cell, cell if key == "only_b" else ""
    if renamed := weights["renamed"]:
        yield "weights renamed", f"{len(renamed)}: {_names(list(renamed))}", _names(list(renamed.values()))


def _labels(labels: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if labels.get("only_a") or labels.get("only_b"):
        yield "labels of one only", _names(labels.get("only_a", [])), _names(labels.get("only_b", []))
    for label, each in list(labels.get("moved", {}).items())[:_SHOWN]:
        yield f"label {label!r}", f"class {each['a']}", f"class {each['b']}"
    if (more := len(labels.get("moved", {})) - _SHOWN) > 0:
        yield f"and {more} more labels", "other class", ""


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

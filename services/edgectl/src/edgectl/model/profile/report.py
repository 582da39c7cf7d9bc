"""Where the time goes, by operator and by layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgectl.bundle.graph import made_elsewhere
from edgectl.model.bench.rows import figure
from edgectl.model.bench.target import Target
from edgectl.model.profile.trace import Layer, Profile

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# Layers of a framework carry their whole path; its end tells them apart.
_LONGEST_NAME = 32


def facts(profile: Profile, target: Target, threads: int) -> dict[str, Any]:
    """Return what --json prints; every `share` is of the time spent in operators."""
    whole = profile.operators_ms or 1.0
    return {
        "name": target.bundle.name,
        "version": target.bundle.version,
        "inputs": target.shapes(),
        "inputs_from": target.source,
        "threads": threads,
        "notes": [note for note in (made_elsewhere(target.bundle.model_path),) if note],
        "runs": profile.runs,
        "run_ms": profile.run_ms,
        "operators_ms": profile.operators_ms,
        "session_ms": profile.load_ms,
        "by_operator": by_operator(profile.layers),
        "by_layer": [asdict(layer) | {"share": layer.ms / whole} for layer in profile.layers],
    }


def by_operator(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Return operator, number of layers, milliseconds of one run and share of all, the costliest first."""
    whole = sum(layer.ms for layer in layers) or 1.0
    spent: defaultdict[str, list[float]] = defaultdict(list)
    for layer in layers:
        spent[layer.operator].append(layer.ms)
    rows = [
        {"operator": operator, "layers": len(times), "ms": sum(times), "share": sum(times) / whole}
        for operator, times in spent.items()
    ]
    return sorted(rows, key=lambda row: -row["ms"])


def tables(found: Mapping[str, Any], top: int) -> Iterator[RenderableType]:
    """Yield the two tables, each of `top` rows, and what is left of a run outside of operators."""
    from rich.markup import escape

    shapes = ", ".join(f"{name} {shape}" for name, shape in found["inputs"].items())
    threads = f"{found['threads']} thread{'s' if found['threads'] != 1 else ''}"
    yield escape(
        f"{found['name']} {found['version']}: {figure(found['run_ms'])} ms a run, mean of {found['runs']} with "
        f"{threads}, profiler on; {shapes}, {found['inputs_from']}"
    )
    yield from (_operators(found, top), _layers(found, top))
    outside = found["run_ms"] - found["operators_ms"]
    yield from (escape(f"note: {note}") for note in found["notes"])
    yield f"outside of operators: {figure(max(0.0, outside))} ms of a run, {max(0.0, outside) / found['run_ms']:.1%}"


def _operators(found: Mapping[str, Any], top: int) -> Table:
    table = _table("by operator", "operator", "layers", "ms", "share", "")
    for row in found["by_operator"][:top]:
        table.add_row(row["operator"], str(row["layers"]), figure(row["ms"]), f"{row['share']:.1%}", bar(row["share"]))
    _rest(table, found["by_operator"][top:], 5)
    return table


def _layers(found: Mapping[str, Any], top: int) -> Table:
    from rich.markup import escape

    table = _table("by layer, as it ran: fused with what follows it", "layer", "operator", "ms", "share", "output")
    for row in found["by_layer"][:top]:
        cells = (escape(_short(row["name"])), row["operator"], figure(row["ms"]), f"{row['share']:.1%}")
        table.add_row(*cells, escape(row["output"]))
    _rest(table, found["by_layer"][top:], 5)
    return table


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        number = name in ("layers", "ms", "share")
        table.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return table


def _rest(table: Table, rows: Sequence[Mapping[str, Any]], columns: int) -> None:
    if rows:
        share = sum(row["share"] for row in rows)
        cells = [f"and {len(rows)} more", "", figure(sum(row["ms"] for row in rows)), f"{share:.1%}"]
        table.add_row(*cells, *[""] * (columns - len(cells)))


def bar(share: float) -> str:
    """Return a bar of up to twenty characters, in eighths."""
    whole, eighths = divmod(round(share * 20 * 8), 8)
    return "█" * whole + (" ▏▎▍▌▋▊▉"[eighths] if eighths else "")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]

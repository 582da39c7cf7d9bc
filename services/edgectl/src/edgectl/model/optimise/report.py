"""What optimising brought, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS = (
    ("size", "size_bytes", "{:,.0f} B"),
    ("operators", "operators", "{:,}"),
    ("load", "load_ms", "{:.1f} ms"),
    ("memory (PSS)", "pss_mb", "{:.1f} MB"),
    ("run, p50", "p50_ms", "{:.3f} ms"),
)


def tables(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield the figures before and after, and a line on the answers and the place."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("", title=f"optimised, {facts['level']}", title_justify="left")
    for name in ("before", "after", "change"):
        table.add_column(name, justify="right")
    for name, key, form in _ROWS:
        before, after = facts["before"][key], facts["after"][key]
        table.add_row(name, form.format(before), form.format(after), _change(before, after))
    yield table
    yield f"answers differ by at most {facts['max_difference']:.3g} on {_samples(facts['samples'], facts['sampled'])}"
    if target := facts["target"]:
        yield f"only for {target['machine']}, ONNX Runtime {target['onnxruntime']}, CPU {', '.join(target['cpu'])}"
    yield escape(f"written to {facts['output']}")


def _samples(count: int, kind: str) -> str:
    if kind == "noise":
        return f"{count} inputs of noise" if count != 1 else "1 input of noise"
    return f"{count} {kind if count != 1 else kind.removesuffix('s')}"


def _change(before: float, after: float) -> str:
    return f"{(after - before) / before:+.0%}" if before else ""

"""What a build did, as one table for people, as plain data for programs, and as a table of the model card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_common.manifest import Metric
from edgectl.model.build.remembered import Remembered
from edgectl.model.build.step import Step, kilobytes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgectl.model.build.recipe import Recipe

_DIGITS = 4


def original_size(source: str) -> int | None:
    """Return the bytes of the original, a file or a directory; None where it is a function."""
    path = Path(source)
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else None


def metric_of(steps: Sequence[Step]) -> Metric | None:
    """Return the task's metric of the original and of the last graph, as a manifest has it."""
    found = steps[-1].verdict.metrics
    if not found:
        return None
    first = found[0]
    return Metric(name=first.name, original=round(first.original, _DIGITS), converted=round(first.converted, _DIGITS))


def header(steps: Sequence[Step]) -> list[str]:
    """Return the names of the columns of `rows`."""
    metric = metric_of(steps)
    named = [metric.name] if metric else []
    return ["", "size kB", "load ms", "memory MB", "p50 ms", "p95 ms", *named, "same labels", "off by"]


def rows(recipe: Recipe, original: Remembered, steps: Sequence[Step]) -> Iterator[list[str]]:
    """Yield the original and every step as text; an empty cell is something that was not measured."""
    yield _original(recipe, original, steps)
    metric = metric_of(steps)
    for step in steps:
        cost, agreement = step.cost, step.verdict.agreement
        yield [
            step.name,
            kilobytes(cost.size_bytes),
            f"{cost.load_ms:.1f}",
            f"{cost.pss_mb:.1f}",
            _milliseconds(cost.p50_ms),
            _milliseconds(cost.p95_ms),
            *([_figure(step.metric)] if metric else []),
            "" if agreement is None else _share(agreement),
            f"{step.difference:.2g}",
        ]


def _original(recipe: Recipe, original: Remembered, steps: Sequence[Step]) -> list[str]:
    size, metric = original_size(recipe.source.model), metric_of(steps)
    return [
        original.framework,
        "" if size is None else kilobytes(size),
        "",
        "",
        "" if original.p50_ms is None else _milliseconds(original.p50_ms),
        "",
        *([_figure(metric.original)] if metric else []),
        "",
        "",
    ]


def _milliseconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _share(value: float) -> str:
    """All or nearly all must not look the same."""
    return "100 %" if value == 1 else f"{min(99.99, 100 * value):.2f} %"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.{_DIGITS}f}"


def facts(recipe: Recipe, original: Remembered, steps: Sequence[Step]) -> dict[str, Any]:
    """Return plain data for --json; the caller adds where the bundle is, or why there is none."""
    last = steps[-1].verdict.dataset if steps else None
    return {
        "name": recipe.name,
        "version": recipe.version,
        "original": {
            "framework": original.framework,
            "source": recipe.source.model,
            "size_bytes": original_size(recipe.source.model),
            "p50_ms": original.p50_ms,
            "tools": dict(original.tools),
        },
        "samples": {"origin": last.origin, "used": len(last)} if last else None,
        "threads": recipe.bench.threads,
        "steps": [step.facts() for step in steps],
    }


def tables(recipe: Recipe, original: Remembered, steps: Sequence[Step]) -> Iterator[RenderableType]:
    """Yield the summary: what each step left of size, speed and accuracy; nothing where no step was made."""
    if not steps:
        return
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    title = f"{recipe.name} {recipe.version}: {threads(recipe)}, {len(steps[-1].verdict.dataset)} samples"
    # No lines between columns, and nothing cut off: it has to fit 80 characters.
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for index, name in enumerate(header(steps)):
        table.add_column(name.replace(" ", "\n"), justify="right" if index else "left", no_wrap=True)
    for row in rows(recipe, original, steps):
        table.add_row(*map(escape, row))
    yield table


def threads(recipe: Recipe) -> str:
    """Return "1 thread" or "2 threads"."""
    return f"{recipe.bench.threads} thread{'s' * (recipe.bench.threads > 1)}"

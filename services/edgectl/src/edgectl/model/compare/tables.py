"""A comparison as a table for a person."""

from __future__ import annotations

from math import isfinite

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from edgectl.model.compare.budget import KEYS
from edgectl.model.compare.run import Comparison
from edgectl.model.verify.tables import notes, samples

_MEANINGS = {"memory_mb": "memory (MB)", "size_mb": "size (MB)", "load_ms": "load (ms)", "per_s": "runs a second"}


def tables(found: Comparison) -> list[RenderableType]:
    """Return the figures of both, the ratio of B to A, and the budget with what came of it."""
    table = Table("", *map(escape, found.names), "B / A", "budget of B", title="A and B", title_justify="left")
    for column in table.columns[1:4]:
        column.justify = "right"
    ratios = found.ratios()
    for key in dict.fromkeys((*found.a, *found.b)):
        values = (_shown(each.get(key)) for each in (found.a, found.b))
        ratio = f"x{ratios[key]:.2f}" if key in ratios else ""
        table.add_row(_title(found, key), *values, ratio, _bound(found, key))
    compared = f"answers compared on {escape(samples(found.verdict.dataset))}"
    return [table, compared, *notes(found.verdict), *_verdict(found)]


def _verdict(found: Comparison) -> list[str]:
    if not found.budget:
        return []
    broken, every = len(found.passed), len(found.budget)
    return [f"B breaks {broken} of {every} bounds of its budget" if broken else "B keeps to its budget"]


def _title(found: Comparison, key: str) -> str:
    if key == "accuracy":
        return found.verdict.metrics[0].name
    return _MEANINGS.get(key, key.replace("_ms", " (ms)").replace("_", " "))


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isfinite(value) else str(value)


def _bound(found: Comparison, key: str) -> str:
    if key not in found.budget:
        return ""
    over = any(line.startswith(f"{key}:") for line in found.passed)
    sign = "at least" if KEYS[key] else "at most"
    return f"{sign} {found.budget[key]:g}: {'broken' if over else 'holds'}"

"""What quantising did, for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgectl.model.quantise.plan import Result

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# The most sensitive layers are the ones to look at; --json has all.
SHOWN = 20


def tables(result: Result) -> Iterator[RenderableType]:
    """Yield the layers by sensitivity, the figures before and after, and what to know."""
    from rich.markup import escape

    if result.sensitivity:
        yield _layers(result)
    if result.before and result.after:
        yield _costs(result)
    yield _summary(result)
    yield from (escape(f"note: {note}") for note in result.notes)


def _summary(result: Result) -> str:
    """Return what was quantised, and how much worse the answers are; text for rich."""
    accuracy = "" if result.baseline is None else f" from {result.baseline:.2%}"
    drop = "" if result.measure == "error" else f"{result.measure} drops{accuracy} by {result.drop:.2%}, "
    bound = f"the bound of {result.max_drop:.2%} {'holds' if result.drop <= result.max_drop else 'does not hold'}"
    return (
        f"{result.method}: layers quantised: {result.quantised}, left float for the bound: {len(result.excluded)}\n"
        f"{drop}relative error {result.error:.2%}, on {result.samples} samples of {result.sampled}: {bound}"
    )


def _layers(result: Result) -> Table:
    from rich.markup import escape
    from rich.table import Table

    more = len(result.sensitivity) - SHOWN
    title = "each layer quantised alone, the most sensitive first"
    table = Table(
        title=title, title_justify="left", caption=f"and {more} less sensitive; --json has all" if more > 0 else None
    )
    table.add_column("layer", overflow="fold")
    table.add_column("operator")
    for name in ("weights", "drop", "error"):
        table.add_column(name, justify="right")
    table.add_column("kept")
    for each in result.sensitivity[:SHOWN]:
        kept = "float" if each.layer.name in result.excluded else "int8"
        figures = (f"{each.layer.parameters:,}", f"{each.drop:.2%}", f"{each.error:.3%}")
        table.add_row(escape(each.layer.name), each.layer.operator, *figures, kept)
    return table


def _costs(result: Result) -> Table:
    from rich.table import Table

    table = Table("", title=f"quantised, {result.method}", title_justify="left")
    for name in ("before", "after", "change"):
        table.add_column(name, justify="right")
    for name, key, form in (
        ("size", "size_bytes", "{:,.0f} B"),
        ("load", "load_ms", "{:.1f} ms"),
        ("memory (PSS)", "pss_mb", "{:.1f} MB"),
        ("run, p50", "p50_ms", "{:.3f} ms"),
        ("run, p95", "p95_ms", "{:.3f} ms"),
    ):
        before, after = getattr(result.before, key), getattr(result.after, key)
        table.add_row(name, form.format(before), form.format(after), f"{after / before - 1:+.0%}" if before else "")
    return table

"""A verdict as tables for a person."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from edgectl.model.data import Dataset
from edgectl.model.verify.bounds import percent
from edgectl.model.verify.verdict import SHOWN, Verdict


def tables(verdict: Verdict) -> list[RenderableType]:
    """Return what was compared, the differences by output, the worst samples, and what the samples cannot tell."""
    holds = "Every bound holds." if verdict.holds else "The graph is not what the original is: a bound does not hold."
    return [_summary(verdict), *_outputs(verdict), *_worst(verdict), *notes(verdict), holds]


def _summary(verdict: Verdict) -> Table:
    table = Table("", "found", "bound", title=f"{verdict.framework} against the graph", title_justify="left")
    bounds = verdict.bounds
    table.add_row("samples", escape(samples(verdict.dataset)), "")
    largest = max((each.scaled for each in verdict.outputs), default=0.0)
    table.add_row("largest difference", f"{largest:.4g}", f"at most {bounds.max_difference:g}")
    relative = [each.relative for each in verdict.outputs if each.relative is not None]
    if bounds.max_relative is not None and relative:
        table.add_row("largest relative error", f"{max(relative):.4g}", f"at most {bounds.max_relative:g}")
    if verdict.agreement is not None:
        found = f"{percent(verdict.agreement)} ({verdict.total - verdict.agree} of {verdict.total} differ)"
        table.add_row("labels agree", found, f"at least {percent(bounds.min_agreement)}")
    for each in verdict.metrics:
        found = f"{each.original:.4f} -> {each.converted:.4f}"
        table.add_row(each.name, found, f"a drop of at most {percent(bounds.max_drop)}")
    return table


def samples(dataset: Dataset) -> str:
    """Return how many samples there are and what they are of."""
    every = f" of {dataset.total}, evenly spaced" if dataset.total > len(dataset) else ""
    return f"{len(dataset)}{every} ({dataset.origin})"


def _outputs(verdict: Verdict) -> Iterator[Table]:
    if not verdict.outputs:
        return
    table = Table("output", title="differences", title_justify="left")
    for name in ("max", "mean", "max / max(1, |x|)", "rms / rms(x)"):
        table.add_column(name, justify="right")
    table.add_column("in sample")
    for each in verdict.outputs:
        found = (f"{value:.3g}" for value in (each.largest, each.mean, each.scaled))
        relative = "" if each.relative is None else f"{each.relative:.3g}"
        table.add_row(escape(each.name), *found, relative, escape(each.sample if each.scaled else ""))
    yield table


def _worst(verdict: Verdict) -> Iterator[Table]:
    bad = [i for i in verdict.worst[:SHOWN] if verdict.off[i] > (0.0, 0.0)]
    if not bad:
        return
    table = Table("sample", title="worst samples", title_justify="left")
    for name in ("labels differ", "difference"):
        table.add_column(name, justify="right")
    for i in bad:
        differ, scaled = verdict.off[i]
        table.add_row(escape(verdict.dataset.names[i]), percent(differ), f"{scaled:.3g}")
    yield table


def notes(verdict: Verdict) -> Iterator[str]:
    """Yield what a reader must know before relying on it."""
    yield from verdict.remarks
    if verdict.task == "detection" and not verdict.total:
        yield "No box was found in any sample, by either: this says nothing. Give real ones with --inputs."
    elif verdict.dataset.noise:
        yield "Noise shows a wrong conversion, not how often real answers change: give real samples with --inputs."

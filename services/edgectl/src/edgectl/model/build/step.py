"""One step of a build: the graph after it, what that costs, and how far it is from the original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgectl.model.cost import Cost
from edgectl.model.verify.bounds import percent
from edgectl.model.verify.verdict import Verdict


class BoundPassed(Exception):
    """A bound of accuracy that does not hold: the lines say which; no bundle is written."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self.lines = lines
        super().__init__("; ".join(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`note` is what the step itself has to say; `verdict` is of the graph beside the original, on the same samples."""

    name: str
    graph: Path
    operators: int
    cost: Cost
    verdict: Verdict
    note: str = ""

    @property
    def metric(self) -> float | None:
        """The first metric of the task; None where no labels say what is true, or the answers do not yet."""
        return self.verdict.metrics[0].converted if self.verdict.metrics else None

    @property
    def difference(self) -> float:
        """The largest difference from the original in any output, relative to numbers over 1."""
        return max((output.scaled for output in self.verdict.outputs), default=0.0)

    def facts(self) -> dict[str, Any]:
        """Return plain data for --json."""
        verdict = {key: value for key, value in self.verdict.facts().items() if key not in ("framework", "task")}
        return {
            "step": self.name,
            "note": self.note,
            "operators": self.operators,
            "cost": asdict(self.cost),
            "verify": verdict,
        }


def line(step: Step, before: Step | None) -> str:
    """Return what the step did to size, speed and accuracy, in one line."""
    size = f"{kilobytes(step.cost.size_bytes)} kB{_change(step, before, 'size_bytes')}"
    speed = f"p50 {step.cost.p50_ms:.3f} ms{_change(step, before, 'p50_ms')}"
    note = f" ({step.note})" if step.note else ""
    return f"{step.name}: {size}, {speed}, {', '.join(_accuracy(step))}{note}"


def kilobytes(size: int) -> str:
    """Return bytes in kB (10^3), with a decimal where that says more."""
    return f"{size / 1000:,.0f}" if size >= 10_000 else f"{size / 1000:.1f}"


def _change(step: Step, before: Step | None, key: str) -> str:
    if before is None:
        return ""
    old, new = getattr(before.cost, key), getattr(step.cost, key)
    return f" ({(new - old) / old:+.0%})" if old else ""


def _accuracy(step: Step) -> list[str]:
    verdict = step.verdict
    told = [f"{each.name} {each.converted:.4f} (original {each.original:.4f})" for each in verdict.metrics]
    if verdict.agreement is not None:
        told.append(f"{percent(verdict.agreement)} of labels as the original's")
    return [*told, f"differs by at most {step.difference:.2g}"]


def operators_of(graph: Path) -> int:
    """Return how many operators the graph has."""
    from edgectl.bundle.graph import read_graph

    counts: Mapping[str, int] = read_graph(graph).operators
    return sum(counts.values())

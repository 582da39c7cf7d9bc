"""What the steps of a build share: each graph is run beside the original and alone, and its figures are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.manifest import Answer
from edgectl.bundle.session import Model
from edgectl.model.build.recipe import Recipe
from edgectl.model.build.step import BoundPassed, Step, line, operators_of
from edgectl.model.cost import cost_of
from edgectl.model.data import Dataset
from edgectl.model.data_npz import narrowed
from edgectl.model.verify.bounds import Bounds
from edgectl.model.verify.run import verify
from edgectl.model.verify.truth import named_by

if TYPE_CHECKING:
    from edgectl.model.convert.source import Original


@dataclass(frozen=True, slots=True)
class Beside:
    """What a graph is held against: an original, samples for both, and what their answers mean."""

    original: Original
    dataset: Dataset
    answer: Answer
    task: str
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """`folder` takes the graphs, `say` a line after each step; `steps` grow, the last one's graph being the newest.

    `path` is the recipe's file, which faults name.
    """

    path: Path
    recipe: Recipe
    folder: Path
    say: Callable[[str], None]
    steps: list[Step] = field(default_factory=list)

    @property
    def graph(self) -> Path:
        return self.steps[-1].graph

    def place(self, name: str) -> Path:
        """Return where the graph after the step `name` goes."""
        return self.folder / f"{name}.onnx"

    def measure(
        self,
        name: str,
        beside: Beside,
        bounds: Bounds,
        *,
        table: str = "verify",
        note: str = "",
        laid_out: bool = False,
    ) -> None:
        """Add the step whose graph is at its place; `laid_out` is one optimised for this machine already.

        `table` is where the recipe says the bounds.

        Raises:
            BoundPassed: it is further from the original than `bounds` allow.
            ModelError: its inputs or outputs are not the original's.
        """
        graph, bench = self.place(name), self.recipe.bench
        with named_by('labels = ["...", "..."] in the recipe'):
            verdict = verify(beside.original, graph, beside.dataset, bounds, beside.answer, beside.task, beside.labels)
        feed = narrowed(beside.dataset.feeds[0], Model(graph, optimised=laid_out).inputs)
        level = "none" if laid_out else "all"
        cost = cost_of(graph, feed, threads=bench.threads, seconds=bench.seconds, level=level)
        step = Step(name=name, graph=graph, operators=operators_of(graph), cost=cost, verdict=verdict, note=note)
        self.say(line(step, self.steps[-1] if self.steps else None))
        self.steps.append(step)
        if not verdict.holds:
            raise BoundPassed(tuple(f"{name}: {in_recipe(each, table)}" for each in verdict.passed))


def in_recipe(told: str, table: str) -> str:
    """Name the recipe's key where `told` names the option of edgectl model verify."""
    return re.sub(r"--(max|min)-(\w+)", rf"{table}.\1_\2", told)

"""What is added up while samples pass by: no outputs are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.data import Dataset
from edgectl.model.verify.bounds import Bounds
from edgectl.model.verify.compared import compared
from edgectl.model.verify.gap import Gap
from edgectl.model.verify.score import Score
from edgectl.model.verify.verdict import Measured, OutputGap, Verdict

Outputs = Mapping[str, Array]


class Spread:
    """The differences of one output so far."""

    def __init__(self) -> None:
        self.worst, self.sample, self.fault = Gap(-1.0, 0.0, 0.0, 0), "", ""
        self.largest, self.total, self.count = 0.0, 0.0, 0

    def add(self, gap: Gap, sample: str) -> None:
        if gap.scaled > self.worst.scaled:
            self.worst, self.sample = gap, sample
        self.fault = self.fault or gap.fault
        self.largest = max(self.largest, gap.largest)
        self.total, self.count = self.total + gap.total, self.count + gap.count

    def summary(self, name: str) -> OutputGap:
        mean = self.total / self.count if self.count else 0.0
        return OutputGap(name, self.largest, mean, max(0.0, self.worst.scaled), self.sample, self.fault)


class Tally:
    """Differences by output, labels that agree, the metrics of both, and how bad each sample is."""

    def __init__(self, answer: Answer, labels: Sequence[str], scores: tuple[Sequence[Score], Sequence[Score]]) -> None:
        self._answer, self._labels, self._scores = answer, labels, scores
        self._spreads: dict[str, Spread] = {}
        self._agree = self._total = 0
        self._off: list[tuple[float, float]] = []

    def add(self, index: int, name: str, want: Outputs, got: Outputs) -> None:
        """Count the answers to sample `index`, which is called `name`."""
        found = compared(self._answer, self._labels, want, got)
        for output, gap in found.gaps.items():
            self._spreads.setdefault(output, Spread()).add(gap, name)
        self._agree, self._total = self._agree + found.agree, self._total + found.total
        self._off.append(found.off)
        for outputs, scores in zip((want, got), self._scores, strict=True):
            for score in scores:
                score.add(index, outputs)

    def verdict(self, framework: str, task: str, dataset: Dataset, bounds: Bounds) -> Verdict:
        pairs = ((ours.name, ours.value(), theirs.value()) for ours, theirs in zip(*self._scores, strict=True))
        return Verdict(
            framework=framework,
            task=task,
            dataset=dataset,
            bounds=bounds,
            outputs=tuple(spread.summary(name) for name, spread in self._spreads.items()),
            agree=self._agree,
            total=self._total,
            metrics=tuple(Measured(*each) for each in pairs),
            off=tuple(self._off),
        )

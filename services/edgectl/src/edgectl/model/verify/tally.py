"""What is added up while samples pass by: no outputs are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, sqrt

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.data import Dataset
from edgectl.model.errors import ModelError
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
        self.largest, self.total, self.count, self.told = 0.0, 0.0, 0, 0
        self.apart, self.whole = 0.0, 0.0

    def add(self, gap: Gap, sample: str) -> None:
        if gap.scaled > self.worst.scaled:
            self.worst, self.sample = gap, sample
        self.fault = self.fault or gap.fault
        self.largest = max(self.largest, gap.largest)
        self.total, self.count, self.told = self.total + gap.total, self.count + gap.count, self.told + gap.told
        self.apart, self.whole = self.apart + gap.apart, self.whole + gap.whole

    def summary(self, name: str) -> OutputGap:
        return OutputGap(
            name=name,
            largest=self.largest,
            mean=self.total / self.count if self.count else 0.0,
            scaled=max(0.0, self.worst.scaled),
            sample=self.sample,
            relative=sqrt(self.apart / self.whole) if self.whole else None,
            count=self.count,
            told=self.told,
            fault=self.fault,
        )


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
        """Return what was found; raise ModelError when there are labels that allow no metric of the original.

        A metric that the original's answers do not allow is left out: the graph cannot be worse by it.
        """
        pairs = [(ours, ours.value(), theirs.value()) for ours, theirs in zip(*self._scores, strict=True)]
        known = [(ours.name, want, got) for ours, want, got in pairs if not isnan(want)]
        lost = [f"{ours.name} is left out: it wants {ours.wants}" for ours, want, _ in pairs if isnan(want)]
        if lost and not known:
            wants = "; ".join(f"{ours.wants} for {ours.name}" for ours, _, _ in pairs)
            raise ModelError(f"labels: want {wants}, found none of it; take more samples, or leave the labels out")
        said = (score.remark for score in self._scores[0])
        return Verdict(
            framework=framework,
            task=task,
            dataset=dataset,
            bounds=bounds,
            outputs=tuple(spread.summary(name) for name, spread in self._spreads.items()),
            agree=self._agree,
            total=self._total,
            metrics=tuple(Measured(*each) for each in known),
            remarks=(*filter(None, said), *lost),
            off=tuple(self._off),
        )

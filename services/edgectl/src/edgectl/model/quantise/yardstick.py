"""How much worse a quantised graph is: the task's metric on labels, else agreement with the float graph, or error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, sqrt

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array, TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.quantise.answer import Outputs, answer_in
from edgectl.model.quantise.plan import Plan
from edgectl.model.verify.boxes import boxes_of, matched
from edgectl.model.verify.compared import compared
from edgectl.model.verify.truth import scores_of

Answers = Sequence[Outputs]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """`wanted` is what the float graph answered to the samples, `truth` what is true of them when that is measured.

    `measure` is the metric's name, "agreement" or "error"; `answer` and `classes` say what `outputs` mean.
    """

    measure: str
    wanted: Answers
    answer: Answer
    classes: tuple[str, ...]
    outputs: tuple[TensorSpec, ...]
    truth: Mapping[str, Array] | None = None

    def drop(self, got: Answers) -> float:
        """Return the share by which `got` is worse, 0 for not at all; negative when it is better by the labels."""
        if self.truth is not None:
            drop = self._metric(self.wanted) - self._metric(got)
            return drop if isfinite(drop) else inf
        if self.measure == "error":
            return self.error(got)
        pairs = [compared(self.answer, self.classes, a, b) for a, b in zip(self.wanted, got, strict=True)]
        return 1 - sum(each.agree for each in pairs) / max(1, sum(each.total for each in pairs))

    def error(self, got: Answers) -> float:
        """Return the relative error of the worst float output: it tells layers apart where no class changes.

        Boxes and their scores are compared where they match.
        """
        pairs = [self._floats(a, b) for a, b in zip(self.wanted, got, strict=True)]
        return max((_relative([pair[name] for pair in pairs]) for name in pairs[0]), default=0.0)

    def baseline(self) -> float | None:
        """Return the float graph's metric, None where nothing is known to be true."""
        return None if self.truth is None else self._metric(self.wanted)

    def at(self, indexes: Sequence[int]) -> Yardstick:
        """Return the yardstick of the samples at `indexes` alone."""
        truth = None if self.truth is None else {name: array[list(indexes)] for name, array in self.truth.items()}
        return replace(self, wanted=[self.wanted[i] for i in indexes], truth=truth)

    def _metric(self, answers: Answers) -> float:
        assert self.truth is not None
        score = scores_of(self.answer, self.classes, self.outputs, self.truth)[0]
        for index, outputs in enumerate(answers):
            score.add(index, outputs)
        return score.value()

    def _floats(self, wanted: Outputs, got: Outputs) -> dict[str, tuple[Array, Array]]:
        """Return the numbers to compare, by output."""
        boxes, scores = self.answer.boxes, self.answer.scores
        floats = {name: (array, got[name]) for name, array in wanted.items() if array.dtype.kind == "f"}
        if boxes is None or scores is None:
            return floats
        ours, theirs = (boxes_of(self.answer, self.classes, each) for each in (wanted, got))
        pairs = matched(ours, theirs)
        left, right = [i for i, _ in pairs], [j for _, j in pairs]
        there = {boxes: (ours.corners[left], theirs.corners[right]), scores: (ours.scores[left], theirs.scores[right])}
        return floats | there


def yardstick(
    wanted: Answers, outputs: Sequence[TensorSpec], labels: Mapping[str, Array] | None, plan: Plan
) -> Yardstick:
    """Return how drops are measured: as `plan.measure` says, or the best that "auto" finds the answers good for.

    Raises:
        ModelError: a metric is asked for without labels or an output they are of, or they do not fit the answers.
    """
    if plan.measure == "accuracy" and not labels:
        raise ModelError(
            "--measure accuracy: want labels (--labels FILE, an array `labels`, or subfolders), found none"
        )
    answer = plan.answer or answer_in(wanted[0], plan.measure in ("accuracy", "agreement") or bool(labels))
    by = Yardstick("error", wanted, answer, plan.labels, tuple(outputs))
    if labels and plan.measure in ("auto", "accuracy"):
        return replace(by, truth=labels, measure=scores_of(answer, plan.labels, outputs, labels)[0].name)
    if plan.measure == "agreement" and not _total(by):
        raise ModelError("--measure agreement: want an output with classes, found none; say which: --answer KEY=OUTPUT")
    return replace(by, measure="agreement" if plan.measure != "error" and _total(by) else "error")


def _total(by: Yardstick) -> int:
    """Return how many classes the float graph names in all, boxes counted twice."""
    return sum(compared(by.answer, by.classes, each, each).total for each in by.wanted)


def _relative(pairs: Sequence[tuple[Array, Array]]) -> float:
    """The root of the squared differences, by the root of the squares; a whole sample's where shapes differ."""
    apart = sum(_squares_apart(a, b) if a.shape == b.shape else _squares(a) for a, b in pairs)
    whole = sum(_squares(a[np.isfinite(a)]) for a, _ in pairs)
    error = sqrt(apart / whole) if whole and isfinite(apart) else float(apart > 0)
    return error if isfinite(apart) else inf


def _squares_apart(wanted: Array, got: Array) -> float:
    """What is infinite or NaN in both has no part in it; in one alone, it makes the sum infinite or NaN."""
    both = ~np.isfinite(wanted) & ~np.isfinite(got)
    return _squares(wanted[~both].astype(np.float64) - got[~both])


def _squares(array: Array) -> float:
    return float(np.sum(np.square(array, dtype=np.float64)))

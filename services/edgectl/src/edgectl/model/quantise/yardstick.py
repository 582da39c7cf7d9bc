"""How much worse a quantised graph is: the task's metric on labels, else agreement with the float graph, or error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan

from edge_common.manifest import Answer
from edge_common.tensors import Array, TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.quantise.answer import Outputs, answer_in
from edgectl.model.quantise.plan import Plan
from edgectl.model.relative import Relative
from edgectl.model.verify.boxes import boxes_of, matched
from edgectl.model.verify.compared import compared
from edgectl.model.verify.score import Score
from edgectl.model.verify.truth import scores_of

Answers = Sequence[Outputs]
# Without these among the samples, there is nothing to measure.
_NEEDED = {"ROC AUC": "both classes", "mAP@0.5": "boxes", "mean IoU": "pixels of a class"}


@dataclass(frozen=True, slots=True)
class Worse:
    """`drop` is the share by which answers are worse, 0 for not at all; negative when they are better by the labels.

    `error` is the relative error of the worst float output: it tells layers apart where no class changes.
    """

    drop: float
    error: float


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

    def worse(self, got: Iterable[Outputs]) -> Worse:
        """Return how much worse `got` is, answers to the same samples in their order; none of them is kept."""
        errors: dict[str, Relative] = defaultdict(Relative)
        score = None if self.truth is None else self._score()
        agree = total = 0
        for index, (wanted, found) in enumerate(zip(self.wanted, got, strict=True)):
            for name, pair in self._floats(wanted, found).items():
                errors[name].add(*pair)
            if score is not None:
                score.add(index, found)
            elif self.measure == "agreement":
                each = compared(self.answer, self.classes, wanted, found)
                agree, total = agree + each.agree, total + each.total
        error = max((each.value() for each in errors.values()), default=0.0)
        if score is not None:
            drop = (self.baseline() or 0.0) - score.value()
            return Worse(drop if isfinite(drop) else inf, error)
        return Worse(error if self.measure == "error" else 1 - agree / max(1, total), error)

    def baseline(self) -> float | None:
        """Return the float graph's metric, None where nothing is known to be true."""
        if self.truth is None:
            return None
        score = self._score()
        for index, outputs in enumerate(self.wanted):
            score.add(index, outputs)
        return score.value()

    def at(self, indexes: Sequence[int]) -> Yardstick:
        """Return the yardstick of the samples at `indexes` alone."""
        truth = None if self.truth is None else {name: array[list(indexes)] for name, array in self.truth.items()}
        return replace(self, wanted=[self.wanted[i] for i in indexes], truth=truth)

    def _score(self) -> Score:
        assert self.truth is not None
        return scores_of(self.answer, self.classes, self.outputs, self.truth)[0]

    def _floats(self, wanted: Outputs, got: Outputs) -> dict[str, tuple[Array, Array]]:
        """Return the numbers to compare, by output: boxes and their scores where they match."""
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
        ModelError: a metric is asked for without labels or an output they are of, they do not fit the answers, or
            they do not have what the metric needs.
    """
    if plan.measure == "accuracy" and not labels:
        raise ModelError(
            "--measure accuracy: want labels (--labels FILE, an array `labels`, or subfolders), found none"
        )
    answer = plan.answer or answer_in(wanted[0], plan.measure in ("accuracy", "agreement") or bool(labels))
    by = Yardstick("error", wanted, answer, plan.labels, tuple(outputs))
    if labels and plan.measure in ("auto", "accuracy"):
        name = scores_of(answer, plan.labels, outputs, labels)[0].name
        return _measurable(replace(by, truth=labels, measure=name))
    if plan.measure == "agreement" and not _total(by):
        raise ModelError("--measure agreement: want an output with classes, found none; say which: --answer KEY=OUTPUT")
    return replace(by, measure="agreement" if plan.measure != "error" and _total(by) else "error")


def _measurable(by: Yardstick) -> Yardstick:
    if isnan(by.baseline() or 0.0):
        needed = _NEEDED.get(by.measure, "labels")
        raise ModelError(
            f"labels: {by.measure}: want {needed} among the {len(by.wanted)} samples that are measured on, and float "
            "answers that are no NaN; found otherwise; give other --calibration, or --measure error"
        )
    return by


def _total(by: Yardstick) -> int:
    """Return how many classes the float graph names in all, boxes counted twice."""
    return sum(compared(by.answer, by.classes, each, each).total for each in by.wanted)

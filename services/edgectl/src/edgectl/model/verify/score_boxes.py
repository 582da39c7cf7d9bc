"""mAP@0.5 as COCO has it: precision at 101 steps of recall, of each class that there is, then the mean."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.verify.boxes import LEAST_IOU, Boxes, boxes_of, iou
from edgectl.model.verify.score import Outputs

_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class Truth:
    """The boxes that are in one sample: `corners` [n, 4], and the names of their classes."""

    corners: Array
    classes: tuple[str, ...]


class MeanPrecision:
    """mAP@0.5 of a detection's boxes; `truth[i]` are those of sample i. No limit on the boxes per sample."""

    name, wants, remark = "mAP@0.5", "a true box in some sample, and scores that are numbers", ""

    def __init__(self, answer: Answer, labels: Sequence[str], truth: Sequence[Truth]) -> None:
        self._answer, self._labels, self._truth = answer, labels, truth
        self._wanted: Counter[str] = Counter()
        self._found: dict[str, list[tuple[float, bool]]] = defaultdict(list)

    def add(self, index: int, outputs: Outputs) -> None:
        found, true = boxes_of(self._answer, self._labels, outputs), self._truth[index]
        self._wanted.update(true.classes)
        for name in {*found.classes}:
            mine = np.array([each == name for each in found.classes])
            of_it = true.corners[[each == name for each in true.classes]]
            self._found[name] += hits(Boxes(found.corners[mine], found.scores[mine], ()), of_it)

    def value(self) -> float:
        each = [average_precision(self._found[name], count) for name, count in self._wanted.items()]
        return float(np.mean(each)) if each else nan


def hits(found: Boxes, true: Array) -> list[tuple[float, bool]]:
    """Return (score, whether it is right) of boxes of one class in one sample: each true box is found once.

    The strongest chooses first, as in COCO's own evaluation.
    """
    overlap, rows = iou(found.corners, true), []
    for i in np.argsort(-found.scores, kind="stable"):
        best = int(overlap[i].argmax()) if len(true) else -1
        right = best >= 0 and bool(overlap[i, best] >= LEAST_IOU)
        if right:
            overlap[:, best] = 0
        rows.append((float(found.scores[i]), right))
    return rows


def average_precision(found: Sequence[tuple[float, bool]], wanted: int) -> float:
    """Return the mean of the best precision at, or beyond, each of 101 recalls from 0 to 1; NaN for a NaN score."""
    scores = np.array([score for score, _ in found], np.float64)
    if np.isnan(scores).any():
        return nan
    right = np.array([hit for _, hit in found], np.float64)[np.argsort(-scores, kind="stable")]
    true = np.cumsum(right)
    best = np.maximum.accumulate((true / np.arange(1, len(true) + 1))[::-1])[::-1]
    place = np.searchsorted(true / wanted, _RECALLS)
    return float(np.append(best, 0.0)[place].mean())

"""What a task is measured by: each counts answer by answer and says a number from 0 to 1 at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Protocol

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.errors import ModelError
from edgectl.model.verify.classes import classes_of

Outputs = Mapping[str, Array]


class Score(Protocol):
    """A metric on its way: `add` each sample's outputs once, then ask for the `value`, more being better.

    `wants` says what there must be to measure; `remark` what a reader must know of how it was measured, if anything.
    """

    name: str
    wants: str
    remark: str

    def add(self, index: int, outputs: Outputs) -> None: ...

    def value(self) -> float:
        """Return the metric; NaN where there was nothing to measure, or an answer that is NaN."""
        ...


class Accuracy:
    """The share of rows whose class is the true one; `truth[i]` are the names of sample i's rows."""

    name, wants, remark = "accuracy", "a labelled row", ""

    def __init__(self, answer: Answer, labels: Sequence[str], truth: Sequence[Sequence[str]]) -> None:
        self._answer, self._labels, self._truth = answer, labels, truth
        self._right = self._rows = 0

    def add(self, index: int, outputs: Outputs) -> None:
        found, true = classes_of(self._answer, self._labels, outputs), self._truth[index]
        if len(found) != len(true):
            raise ModelError(f"labels: want {len(found)} a sample, one for each row of its answer, found {len(true)}")
        self._right += sum(a == b for a, b in zip(found, true, strict=True))
        self._rows += len(true)

    def value(self) -> float:
        return self._right / self._rows if self._rows else nan


class RocAuc:
    """The area under the ROC curve of one output's numbers, `truth[i]` telling which rows of sample i are positive.

    With several columns, the last one's numbers count.
    """

    name, wants, remark = "ROC AUC", "samples of both classes, and scores that are numbers", ""

    def __init__(self, output: str, truth: Sequence[Array]) -> None:
        self._output, self._truth = output, truth
        self._scores: list[float] = []
        self._positive: list[bool] = []

    def add(self, index: int, outputs: Outputs) -> None:
        array = outputs[self._output]
        scores = (array[..., -1] if array.ndim > 1 else array).ravel().tolist()
        true = self._truth[index].ravel().tolist()
        if len(scores) != len(true):
            raise ModelError(f"labels: want {len(scores)} a sample, one for each row of its answer, found {len(true)}")
        self._scores += scores
        self._positive += true

    def value(self) -> float:
        return roc_auc(np.array(self._scores, np.float64), np.array(self._positive, bool))


def roc_auc(scores: Array, positive: Array) -> float:
    """Return the chance that a positive's score is above a negative's, equal ones counting half; NaN without both."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives or np.isnan(scores).any():
        return nan
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))

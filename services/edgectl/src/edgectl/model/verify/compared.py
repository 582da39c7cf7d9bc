"""Two answers to one sample, compared by what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.verify.boxes import boxes_of, matched
from edgectl.model.verify.classes import classes_of, names_classes
from edgectl.model.verify.gap import Gap, gap

Outputs = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Compared:
    """`gaps` by output; `agree` of `total` labels (rows, boxes or pixels) are the same, none where nothing is named.

    Outputs that name classes have no gap: class 3 is not closer to 2 than to 7.
    """

    gaps: Mapping[str, Gap]
    agree: int = 0
    total: int = 0

    @property
    def off(self) -> tuple[float, float]:
        """How bad it is: the share of labels that differ, then the largest scaled difference."""
        share = 1 - self.agree / self.total if self.total else 0.0
        return share, max((each.scaled for each in self.gaps.values()), default=0.0)


def compared(answer: Answer, labels: Sequence[str], want: Outputs, got: Outputs) -> Compared:
    """Return how the outputs `got` differ from `want`, whose names are the same."""
    if answer.boxes:
        return _boxes(answer, labels, want, got)
    gaps = {name: gap(want[name], got[name]) for name in got if name not in (answer.label, answer.mask)}
    if answer.mask:
        return Compared(gaps, *_pixels(want[answer.mask], got[answer.mask]))
    if names_classes(answer):
        ours, theirs = (np.array(classes_of(answer, labels, each), dtype=object) for each in (want, got))
        return Compared(gaps, *_same(ours, theirs))
    return Compared(gaps)


def _boxes(answer: Answer, labels: Sequence[str], want: Outputs, got: Outputs) -> Compared:
    """Boxes and scores differ by what matched ones do; those without a match are not agreed on."""
    ours, theirs = boxes_of(answer, labels, want), boxes_of(answer, labels, got)
    pairs = matched(ours, theirs)
    left, right = [i for i, _ in pairs], [j for _, j in pairs]
    gaps = {
        answer.boxes or "": gap(ours.corners[left], theirs.corners[right]),
        answer.scores or "": gap(ours.scores[left], theirs.scores[right]),
    }
    others = {name: gap(want[name], got[name]) for name in got if name not in (*gaps, answer.classes)}
    return Compared(gaps | others, 2 * len(pairs), len(ours.scores) + len(theirs.scores))


def _pixels(want: Array, got: Array) -> tuple[int, int]:
    return _same(np.rint(want), np.rint(got))


def _same(want: Array, got: Array) -> tuple[int, int]:
    if want.shape != got.shape:
        return 0, max(want.size, got.size)
    return int(np.count_nonzero(want == got)), want.size

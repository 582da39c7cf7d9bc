"""Mean IoU of class maps: of each class the pixels shared by answer and truth, over all that either has."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from edge_common.tensors import Array
from edgectl.model.errors import ModelError
from edgectl.model.verify.score import Outputs

# What a pixel is that counts for nothing, and what fills up smaller masks.
IGNORED = -1


class MeanIou:
    """Over all samples at once, of the classes that are in the truth; `truth[i]` is sample i's mask [h, w]."""

    name, wants = "mean IoU", "a pixel whose class is known"

    def __init__(self, output: str, classes: int, truth: Sequence[Array], remark: str = "") -> None:
        self._output, self._truth, self.remark = output, truth, remark
        self._counts = np.zeros((classes, classes + 1), np.int64)

    def add(self, index: int, outputs: Outputs) -> None:
        """Count the pixels of each (true class, answered class); answers that are no class are of the last column."""
        array = outputs[self._output]
        if array.ndim < 2 or array.size != array.shape[-1] * array.shape[-2]:
            raise ModelError(f"'{self._output}': want a mask [1, h, w] of classes, found {list(array.shape)}")
        found = array.reshape(array.shape[-2:])
        true = _cut(self._truth[index], found.shape)
        if found.dtype.kind == "f":
            found = np.where(np.isfinite(found), found, IGNORED)
        classes, known = len(self._counts), true != IGNORED
        said = np.rint(found).astype(np.int64)[known]
        said = np.where((said < 0) | (said >= classes), classes, said)
        pairs = true[known].astype(np.int64) * (classes + 1) + said
        self._counts += np.bincount(pairs, minlength=self._counts.size).reshape(self._counts.shape)

    def value(self) -> float:
        wanted = self._counts.sum(1)
        shared, found = np.diagonal(self._counts), self._counts[:, :-1].sum(0)
        present = wanted > 0
        return float((shared / np.maximum(wanted + found - shared, 1))[present].mean()) if present.any() else nan


def _cut(true: Array, shape: tuple[int, ...]) -> Array:
    """Return the mask as large as the answer; what is beyond must be filling."""
    h, w = shape
    inner: Array = true[:h, :w]
    if inner.shape != shape or (true[h:] != IGNORED).any() or (true[:, w:] != IGNORED).any():
        raise ModelError(f"labels: mask: want {list(shape)} as the answer has, found {list(true.shape)}")
    return inner

"""What a graph's outputs mean, as far as they show it themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array

Outputs = Mapping[str, Array]
# Rows that sum to 1 within this are shares of classes.
_SUM = 1e-3


def answer_in(outputs: Outputs, scores: bool) -> Answer:
    """Return what `outputs`, which a graph answered to one sample, mean: by their names, else by their looks.

    Whole numbers are a class or, with two axes or more of many, a mask; rows that are never negative and sum to 1 are
    shares of classes, and with `scores` any row of several numbers is. What tells nothing is left out.
    """
    keys = [key for key in Answer.__struct_fields__ if key != "labels"]
    named = Answer(**{name: name for name in outputs if name in keys})
    if named.outputs() and (named.boxes is None or (named.scores and named.classes)):
        return named
    classes = next((name for name, array in outputs.items() if _is_class(array)), None)
    shares = next((name for name, array in outputs.items() if _are_shares(array, scores)), None)
    mask = next((name for name, array in outputs.items() if array.dtype.kind in "iu" and array.ndim > 2), None)
    return Answer(label=classes, probabilities=shares, mask=mask)


def _is_class(array: Array) -> bool:
    return array.dtype.kind in "iuO" and array.size == max(1, array.shape[0] if array.ndim else 1)


def _are_shares(array: Array, scores: bool) -> bool:
    if array.dtype.kind != "f" or array.ndim != 2 or array.shape[1] < 2 or not array.size:
        return False
    return scores or bool(np.all(array >= 0) and np.allclose(array.sum(axis=1), 1, atol=_SUM))

"""Which class an answer names, whatever way it says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array


def classes_of(answer: Answer, labels: Sequence[str], outputs: Mapping[str, Array]) -> list[str]:
    """Return the name of each row's class: what `answer.label` says, else that of the largest share."""
    chosen = outputs.get(answer.label or "")
    if chosen is None:
        chosen = largest(outputs[answer.probabilities or answer.scores or ""])
    return [class_name(value, labels) for value in chosen.ravel().tolist()]


def largest(shares: Array) -> Array:
    """Return the index of each row's largest share; one column is the share of the second of two classes."""
    if shares.ndim < 2 or shares.shape[-1] == 1:
        return np.asarray(shares > 0.5).astype(np.int64)
    return np.asarray(shares.argmax(-1))


def class_name(value: Any, labels: Sequence[str]) -> str:
    """Return the label that a class's number stands for; what is no number of one stands for itself."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return labels[value] if isinstance(value, int) and 0 <= value < len(labels) else str(value)


def names_classes(answer: Answer) -> bool:
    """Return whether an answer has a class per row, by name or by share."""
    return bool(answer.label or answer.probabilities or (answer.scores and not answer.boxes))

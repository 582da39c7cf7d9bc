"""Activations in plain numpy, for the references."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def activated(activation: str, scores: Floats) -> Floats:
    """Return `scores` after "none", "sigmoid" or "softmax"; a softmax is along the second axis."""
    if activation == "sigmoid":
        return sigmoid(scores)
    if activation == "softmax":
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)
    return scores


def sigmoid(scores: Floats) -> Floats:
    """Return 1 / (1 + exp(-scores)), without an overflow on either side."""
    small = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)

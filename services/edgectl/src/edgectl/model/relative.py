"""The relative error of numbers that pass by: the root of the squared differences, by the root of the squares."""

from __future__ import annotations

from math import inf, isfinite, sqrt

import numpy as np

from edge_common.tensors import Array


class Relative:
    """Add pairs of arrays, then ask for the `value` over all of them; none is kept."""

    def __init__(self) -> None:
        self._apart = self._whole = 0.0

    def add(self, wanted: Array, got: Array) -> None:
        """Count one pair; where the shapes differ, all that was wanted is off."""
        self._apart += _squares_apart(wanted, got) if wanted.shape == got.shape else _squares(wanted)
        self._whole += _squares(wanted[np.isfinite(wanted)])

    def value(self) -> float:
        """Return the error, 0 for none: 1 where nothing was wanted to relate it to, infinite for NaN in one alone."""
        if not isfinite(self._apart):
            return inf
        return sqrt(self._apart / self._whole) if self._whole else float(self._apart > 0)


def _squares_apart(wanted: Array, got: Array) -> float:
    """What is infinite or NaN in both has no part in it; in one alone, it makes the sum infinite or NaN."""
    both = ~np.isfinite(wanted) & ~np.isfinite(got)
    return _squares(wanted[~both].astype(np.float64) - got[~both])


def _squares(array: Array) -> float:
    return float(np.sum(np.square(array, dtype=np.float64)))

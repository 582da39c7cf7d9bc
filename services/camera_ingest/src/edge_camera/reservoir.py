"""Percentiles of a stream of numbers in bounded memory."""

from __future__ import annotations

import random
from array import array

import numpy as np

# Full, it holds 168 kB (tracemalloc); up to this many values the percentiles are exact.
CAPACITY = 20_000


class Reservoir:
    """Keep every value up to `capacity`, then a uniform sample of all of them (Vitter's algorithm R)."""

    def __init__(self, capacity: int = CAPACITY, seed: int = 0) -> None:
        self._values = array("d")
        self._capacity = capacity
        self._random = random.Random(seed)
        self.count = 0
        self.total = 0.0
        self.largest: float | None = None

    @property
    def mean(self) -> float | None:
        """The mean of every value, kept or not; None while there is none."""
        return self.total / self.count if self.count else None

    def add(self, value: float) -> None:
        """Take one value in."""
        self.count += 1
        self.total += value
        self.largest = value if self.largest is None else max(value, self.largest)
        if len(self._values) < self._capacity:
            self._values.append(value)
            return
        place = self._random.randrange(self.count)
        if place < self._capacity:
            self._values[place] = value

    def values(self) -> array[float]:
        """Return a copy of the kept values: cheap, so that who shares this with `add` need not lock for longer."""
        return self._values[:]

    def percentiles(self, *wanted: float) -> list[float | None]:
        """Return the percentiles (0..100), linearly interpolated; None for each while there is no value."""
        return percentiles(self._values, *wanted)


def percentiles(values: array[float], *wanted: float) -> list[float | None]:
    """Return the percentiles (0..100) of `values`, linearly interpolated; None for each when there is no value."""
    if not values:
        return [None for _ in wanted]
    # Sorted first: numpy's sort of doubles is vectorised, its selection is not, and costs three times as much.
    return [float(found) for found in np.percentile(np.sort(values), wanted, overwrite_input=True)]

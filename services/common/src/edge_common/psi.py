"""The population stability index: how far two counts over the same bins have moved apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

# With this many observations for each bin but one on both sides, chance alone gives 0.05 at most on average.
PER_BIN = 40


def psi(found: Sequence[float], wanted: Sequence[float]) -> float:
    """Return the index of two counts (not negative, weights allowed) over the same bins.

    It is the sum of (p - q) ln(p / q) over the shares p of `found` and q of `wanted`: 0 for equal shares, never
    negative, the same both ways, and 0 where either counted nothing. Half an observation of the smaller side is added
    to every bin of both, so that an empty bin weighs as much as can be told from so few, and not infinitely much.
    """
    n, m = sum(found), sum(wanted)
    if n <= 0 or m <= 0:
        return 0.0
    half = 0.5 / max(1.0, min(n, m))
    pairs = [(a / n + half, b / m + half) for a, b in zip(found, wanted, strict=True)]
    return sum((p - q) * log(p / q) for p, q in pairs) / (1 + half * len(pairs))


def by_chance(bins: int, found: float, wanted: float) -> float:
    """Return the index to expect when nothing has changed: (bins - 1) (1 / found + 1 / wanted).

    `found` and `wanted` are numbers of independent observations above 0. The standard deviation is the square root of
    2 / (bins - 1) times as much: the index is then a chi-square variable with bins - 1 degrees of freedom, scaled.
    """
    return (bins - 1) * (1 / found + 1 / wanted)


def enough(bins: int) -> int:
    """Return how many observations either side needs."""
    return PER_BIN * (bins - 1)

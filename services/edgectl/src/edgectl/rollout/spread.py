"""How much neighbouring calls resemble each other: without it, one slow minute would look like a thousand proofs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# With fewer, the spread itself is mostly chance.
LEAST_BATCHES = 8


def of_share(hits: Sequence[float], tries: Sequence[float]) -> float:
    """Return by what factor a share varies more from batch to batch than independent calls would; at least 1."""
    return of_shares([[hit, of - hit] for hit, of in zip(hits, tries, strict=True)])


def of_shares(batches: Sequence[Sequence[float]]) -> float:
    """The same of several shares: Pearson's statistic of batches by bins over its degrees of freedom; at least 1."""
    rows = [row for row in batches if sum(row) > 0]
    bins = [sum(column) for column in zip(*rows, strict=True)]
    used = [index for index, count in enumerate(bins) if count > 0]
    if len(rows) < LEAST_BATCHES or len(used) < 2:
        return 1.0
    everything = sum(bins)
    statistic = 0.0
    for row in rows:
        size = sum(row)
        for index in used:
            expected = size * bins[index] / everything
            statistic += (row[index] - expected) ** 2 / expected
    return max(1.0, statistic / ((len(rows) - 1) * (len(used) - 1)))


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean per item, the variance of that mean from batches, and the number of batches."""

    value: float
    variance: float
    items: float
    batches: int

    @property
    def known(self) -> bool:
        """Were there batches enough to know the variance?"""
        return self.batches >= LEAST_BATCHES


def mean(sums: Sequence[float], items: Sequence[float]) -> Mean:
    """Return sum(sums) / sum(items) with the variance that its batches show."""
    pairs = [(amount, count) for amount, count in zip(sums, items, strict=True) if count > 0]
    count = sum(pair[1] for pair in pairs)
    value = sum(pair[0] for pair in pairs) / count if count else 0.0
    if len(pairs) < LEAST_BATCHES:
        return Mean(value, 0.0, count, len(pairs))
    squares = sum((amount - value * of) ** 2 for amount, of in pairs)
    return Mean(value, squares * len(pairs) / (len(pairs) - 1) / count**2, count, len(pairs))

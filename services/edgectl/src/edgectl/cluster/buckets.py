"""Quantiles of a histogram, as far as its buckets know them."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf


def bracket(counts: Mapping[str, float], share: float = 0.95) -> str:
    """Return the bucket that holds a quantile, as `10-25 ms`; a dash when nothing was counted.

    `counts` are by upper edge in seconds, not cumulated.
    """
    everything, seen, low = sum(counts.values()), 0.0, 0.0
    if everything <= 0:
        return "-"
    for edge in sorted(counts, key=float):
        seen += counts[edge]
        if seen >= share * everything:
            return f"over {ms(low)}" if float(edge) == inf else f"{low * 1000:g}-{ms(float(edge))}"
        low = float(edge)
    return f"over {ms(low)}"


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"

"""What a graph answers before and after: the same, within the tolerance of golden samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.bundle import Bundle
from edge_common.golden import Difference, Golden, compare, load_all
from edgectl.bundle.session import GraphRefuses, Model
from edgectl.model.data import Feed, generated, read_feeds
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array

# Answers differ by rounding only: a few samples show an operator that went wrong, and large frames stay affordable.
GENERATED, MAX_SAMPLES = 5, 50
_SEED = 7


def samples_of(bundle: Bundle, graph: Model, given: Path | None) -> list[Feed]:
    """Return the feeds of the file or folder `given`, else the bundle's golden inputs, else noise.

    Raises:
        ModelError: `given` does not fit the graph.
        BundleError: the golden samples cannot be read.
    """
    if given is not None:
        return list(read_feeds(given, graph.inputs, MAX_SAMPLES).feeds)
    golden = [sample.inputs for sample in load_all(bundle)]
    return list(golden or generated(graph.inputs, GENERATED, _SEED).feeds)


def answers(graph: Model, feeds: Sequence[Feed], noise: bool) -> list[dict[str, Array]]:
    """Return what `graph` answers to each feed; raise ModelError when noise does not suit it."""
    try:
        return [graph.run(feed) for feed in feeds]
    except GraphRefuses as exc:
        raise ModelError(f"{exc}; noise does not suit it: give --inputs" if noise else str(exc)) from None


def furthest(wanted: Sequence[Mapping[str, Array]], got: Sequence[Mapping[str, Array]]) -> float:
    """Return the largest absolute difference of two numbers at one place; whole numbers and text count as 0 or 1."""
    pairs = [(before[name], after[name]) for before, after in zip(wanted, got, strict=True) for name in before]
    return max((_distance(before, after) for before, after in pairs), default=0.0)


def first_difference(
    feeds: Sequence[Feed], wanted: Sequence[dict[str, Array]], got: Sequence[dict[str, Array]], bundle: Bundle
) -> Difference | None:
    """Return the first answer that is beyond the tolerance of the bundle's golden samples."""
    for number, (feed, before, after) in enumerate(zip(feeds, wanted, got, strict=True)):
        sample = Golden(f"{number:03}", dict(feed), before)
        if found := compare(sample, after, bundle.golden.rtol, bundle.golden.atol):
            return found
    return None


def _distance(before: Array, after: Array) -> float:
    import numpy as np

    from edgectl.model.verify.gap import apart

    if before.shape != after.shape:
        return float("inf")
    if before.dtype.kind != "f":
        return float(bool(np.any(before != after)))
    return float(np.max(apart(before, after), initial=0.0))

"""Golden samples that every CPU answers alike: hard and usual ones, but none whose class is a matter of rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.data import Feed
from edgectl.model.data_npz import narrowed

if TYPE_CHECKING:
    from edgectl.bundle.session import Model
    from edgectl.model.build.recipe import Golden
    from edgectl.model.verify.verdict import Verdict

# The name that an anomaly's limit has in a prepared graph.
_THRESHOLD = "threshold"


def golden_feeds(graph: Model, verdict: Verdict, answer: Answer, golden: Golden) -> list[Feed]:
    """Return `golden.samples` feeds, as far as there are so many: half the worst, the others from the middle.

    Left out are those whose class could change within the tolerance: a gateway with another CPU would refuse the
    bundle for nothing. Where that leaves none, the worst stay.
    """
    steady = list(islice(_steady(graph, verdict, answer, golden), golden.samples))
    return steady or [narrowed(feed, graph.inputs) for feed in verdict.chosen(golden.samples)]


def _steady(graph: Model, verdict: Verdict, answer: Answer, golden: Golden) -> Iterator[Feed]:
    """Yield samples, by turns from the worst on and from the middle on."""
    ranks = verdict.worst
    middle = len(ranks) // 2
    seen: set[int] = set()
    pairs = zip(ranks, chain(ranks[middle:], ranks[:middle]), strict=True)
    for index in chain.from_iterable(pairs):
        if index in seen:
            continue
        seen.add(index)
        feed = narrowed(verdict.dataset.feeds[index], graph.inputs)
        if margin(answer, graph.run(feed)) > 2 * (golden.atol + golden.rtol):
            yield feed


def margin(answer: Answer, outputs: Mapping[str, Array]) -> float:
    """Return how far the nearest row is from another class; infinite where the answers do not tell."""
    shares = outputs.get(answer.probabilities or "")
    if shares is not None and shares.ndim == 2 and shares.shape[1] > 1:
        return _least(np.diff(np.sort(shares, axis=1)[:, -2:], axis=1))
    score, threshold = outputs.get(answer.score or ""), outputs.get(_THRESHOLD)
    if score is not None and threshold is not None:
        return _least(np.abs(score - threshold))
    return float("inf")


def _least(distances: Array) -> float:
    return float(np.min(distances, initial=np.inf))

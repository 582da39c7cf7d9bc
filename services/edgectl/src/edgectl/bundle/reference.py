"""What a graph answers to many real inputs, as the bundle's [reference]: what drift is measured against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import isfinite
from pathlib import Path

import numpy as np

from edge_common.answers import MAX_CLASSES, Named, counted
from edge_common.bundle import BundleError
from edge_common.manifest import Answer, Reference
from edge_common.psi import enough
from edge_common.tensors import Array
from edgectl.bundle.options import read_reference
from edgectl.bundle.session import Model

BINS = 10
# Digits of an edge: as many as a float32 score has.
_DIGITS = 7

Feed = Mapping[str, Array]


class TooFew(BundleError):
    """Less than a reference can be made of."""


class Nameless(TooFew):
    """Answers of which there is nothing to count, however many there are."""


def recorded(
    path: Path, answer: Answer | None, labels: Sequence[str], golden: Sequence[Feed], more: Path | None
) -> tuple[Reference | None, str]:
    """Return what the graph at `path` answers to real golden inputs and to those of --reference `more`, or why nothing.

    Raises:
        BundleError: as reference_of does; too few predictions are an error only when --reference was given.
    """
    if not golden and more is None:
        return None, "noise says nothing of real inputs; give some with --reference"
    graph = Model(path)
    feeds = chain(golden, _read(graph, more) if more is not None else ())
    try:
        return reference_of(graph, answer or Answer(), labels, feeds), ""
    except TooFew as exc:
        if more is None:
            return None, str(exc) if isinstance(exc, Nameless) else f"{exc}; give more with --reference"
        raise BundleError(f"--reference {more}: {exc}") from None


def _read(graph: Model, path: Path) -> Iterator[Feed]:
    for where, feed in read_reference(path):
        for piece in _pieces(graph, feed):
            graph.check(piece, where)
            yield piece


def reference_of(graph: Model, answer: Answer, labels: Sequence[str], feeds: Iterable[Feed]) -> Reference:
    """Run `graph` on every feed (input name -> array) and return what it predicted, counted.

    A feed may hold many inputs along the first axis of its arrays where the graph takes one at a time.

    Raises:
        TooFew: nothing to count, or too little to tell a change from chance.
        BundleError: an answer has a class that `labels` lacks, a score that is not finite, or none where others have
            one.
    """
    if not (answer.classes or answer.label or answer.probabilities or answer.scores or answer.score):
        raise Nameless("want an answer that names classes or a score, to count them; found none")
    found: list[Named] = []
    for feed in feeds:
        for piece in _pieces(graph, feed):
            found += counted(answer, tuple(labels), graph.run(piece))
    scores = [score for _, score in found if score is not None]
    classes = _classes([label for label, _ in found], labels)
    if found and not (scores or classes):
        raise Nameless(_nothing(found))
    bins = max(len(classes) + (len(labels) > MAX_CLASSES), BINS if scores else 1)
    if len(found) < (wanted := max(1, enough(bins))):
        raise TooFew(f"want {wanted} predictions, to tell a change in {bins} bins from chance; found {len(found)}")
    _check_scores(scores, len(found))
    edges = _edges(scores)
    return Reference(predictions=len(found), classes=classes, score_edges=edges, score_counts=_binned(edges, scores))


def _nothing(found: Sequence[Named]) -> str:
    if any(label for label, _ in found):
        return "want labels, the names of the classes, to count the answers by; found none"
    return "want labels, or an output with scores, to count them; found neither"


def _classes(found: Sequence[str], labels: Sequence[str]) -> dict[str, int]:
    """Return predictions by label, of the labels that the service counts apart; nothing where no class is named."""
    counts = Counter(found)
    if not labels or not any(counts):
        return {}
    if strange := counts.keys() - set(labels):
        raise BundleError(f"reference: want classes that the labels have, found {min(strange)!r:.60}")
    return {label: counts[label] for label in labels[:MAX_CLASSES]}


def _check_scores(scores: Sequence[float], predictions: int) -> None:
    odd = [score for score in scores if not isfinite(score)]
    if odd:
        raise BundleError(f"reference: want finite scores, found {odd[0]}")
    if 0 < len(scores) < predictions:
        raise BundleError(f"reference: want a score of each of {predictions} predictions, found {len(scores)}")


def _edges(scores: Sequence[float]) -> list[float]:
    """Return the edges that part `scores` into at most BINS bins of equal number, as far as equal scores allow.

    Each lies half way between two scores that differ, so that another CPU's rounding moves none across.
    """
    values, counts = np.unique(np.array(scores, float), return_counts=True)
    below = np.cumsum(counts)[:-1]
    if not below.size:
        return []
    places = {int(np.abs(below - len(scores) * part / BINS).argmin()) for part in range(1, BINS)}
    return sorted({float(f"{(values[place] + values[place + 1]) / 2:.{_DIGITS}g}") for place in places})


def _binned(edges: Sequence[float], scores: Sequence[float]) -> list[int]:
    if not scores:
        return []
    counts: list[int] = np.bincount(np.searchsorted(edges, scores, side="left"), minlength=len(edges) + 1).tolist()
    return counts


def _pieces(graph: Model, feed: Feed) -> Iterator[Feed]:
    """Yield the feed input by input where the graph takes one and the arrays hold many; else as it is."""
    counts = {array.shape[0] if array.ndim else 0 for array in feed.values()}
    if any(spec.shape[:1] != (1,) for spec in graph.inputs) or len(counts) != 1:
        yield feed
        return
    for index in range(counts.pop()):
        yield {name: array[index : index + 1] for name, array in feed.items()}

"""The original and the graph, run on the same samples and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import DTYPES, Array, TensorSpec
from edgectl.bundle.graph import load_level
from edgectl.bundle.session import Model
from edgectl.model.convert.quiet import framework
from edgectl.model.data import Dataset, Feed
from edgectl.model.data_npz import narrowed
from edgectl.model.errors import ModelError
from edgectl.model.report import progress
from edgectl.model.verify.bounds import Bounds
from edgectl.model.verify.tally import Tally
from edgectl.model.verify.truth import scores_of
from edgectl.model.verify.verdict import Verdict

if TYPE_CHECKING:
    from edgectl.model.convert.source import Original

# They compute in float64 whatever they are given; a float32 graph of them sees the same rows rounded, which is what a
# service will do to them, and the comparison must show it.
_TAKE_WIDE = frozenset({"sklearn", "scikit-learn", "xgboost", "lightgbm"})


def verify(
    original: Original,
    graph: Path,
    dataset: Dataset,
    bounds: Bounds,
    answer: Answer,
    task: str,
    labels: Sequence[str] = (),
) -> Verdict:
    """Return how the graph's answers to every sample differ from the original's, and what both are worth.

    `labels` are the names of the classes, as labels.txt has them. With `dataset.labels` the task's metric is measured.

    Raises:
        ModelError: inputs or outputs of other names, labels that do not fit, or samples that the original refuses.
        BundleError: a graph that does not load, or refuses the samples.
    """
    model = Model(graph, optimised=load_level(graph) == "none")
    same_inputs(original.inputs, model.inputs)
    if not len(dataset):
        raise ModelError(f"{dataset.origin or graph}: want samples to verify on, found none")
    truth = dataset.labels
    scores = [scores_of(answer, labels, model.outputs, truth) if truth is not None else [] for _ in range(2)]
    tally = Tally(answer, labels, (scores[0], scores[1]))
    bar = progress()
    # Where it draws nothing it would still end a line.
    bar.disable = not bar.console.is_terminal
    with bar:
        for index in bar.track(range(len(dataset)), description="verifying"):
            feed = dataset.feeds[index]
            got = model.run(narrowed(feed, model.inputs))
            want = _of_both(answered(original, dataset, index, feed), got)
            tally.add(index, dataset.names[index], want, got)
    return tally.verdict(original.framework, task, dataset, bounds)


def same_inputs(ours: Sequence[TensorSpec], theirs: Sequence[TensorSpec]) -> None:
    """Raise ModelError unless both take inputs of the same names, of one kind and rank each; order does not matter."""
    want = {spec.name: (DTYPES[spec.datatype].kind, len(spec.shape)) for spec in ours}
    if want != {spec.name: (DTYPES[spec.datatype].kind, len(spec.shape)) for spec in theirs}:
        raise ModelError(
            f"inputs: want those of the original, {_listed(ours)}; found {_listed(theirs)} in the graph; "
            "for a graph with its pre-processing inside give the --declaration that made it"
        )


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"'{spec.name}' {spec.datatype} {list(spec.shape)}" for spec in specs)


def answered(original: Original, dataset: Dataset, index: int, feed: Feed) -> Mapping[str, Array]:
    """Return the original's outputs for sample `index`, read as `feed`; raise ModelError when it refuses that."""
    wide = dataset.wide if original.framework in _TAKE_WIDE else None
    own = wide[index] if wide is not None else narrowed(feed, original.inputs)
    with framework(f"{dataset.names[index]}: the original ({original.framework}) refuses this sample"):
        outputs = original.predict(own)
    return {output: np.asarray(array) for output, array in outputs.items()}


def _of_both(want: Mapping[str, Array], got: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return the original's outputs that the graph has; it may keep some to itself."""
    if missing := got.keys() - want.keys():
        raise ModelError(
            f"outputs: want those of the original, {sorted(want)}; found {sorted(missing)} too in the graph; "
            "for a graph with its post-processing inside give the --declaration that made it"
        )
    return {name: want[name] for name in got}

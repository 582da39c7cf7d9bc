"""The samples that a recipe's steps are measured on, and what of them reaches a model inside its pre-processing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from edge_common.tensors import TensorSpec
from edgectl.model.build.recipe import Recipe
from edgectl.model.data import Dataset, Feed, generated, read_feeds
from edgectl.model.data_labels import labelled
from edgectl.model.prepare.before.reference import apply
from edgectl.model.prepare.declaration import Declaration
from edgectl.model.prepare.geometry import IMAGE
from edgectl.model.prepare.run import fed_by

_SEED = 5


def verification(recipe: Recipe, inputs: Sequence[TensorSpec], labels: Sequence[str]) -> Dataset:
    """Return the samples to verify on, with labels as far as there are any; noise where the recipe names none."""
    data = recipe.data
    if data.verify is None:
        return generated(inputs, data.generate, _SEED)
    found = read_feeds(Path(data.verify), inputs, data.limit)
    return labelled(found, Path(data.labels), labels) if data.labels else found


def calibration(recipe: Recipe, inputs: Sequence[TensorSpec]) -> Dataset | None:
    """Return the samples to quantise by, None where the recipe names none."""
    where = recipe.data.calibration
    return read_feeds(Path(where), inputs, recipe.data.limit) if where else None


def inner(dataset: Dataset, made: Callable[[Feed], Feed]) -> Dataset:
    """Return `dataset` as the model inside takes it; its labels are of the answers outside, and left out."""
    return replace(dataset, feeds=Made(dataset.feeds, made), labels=None, wide=None)


def entry(declaration: Declaration, inputs: Sequence[TensorSpec]) -> Callable[[Feed], Feed]:
    """Return what makes of a feed from outside the one that the model's own `inputs` take."""
    spec = declaration.input
    if spec is None:
        return lambda feed: feed
    tensor, one_frame = fed_by(spec, inputs), declaration.output is not None and declaration.output.spatial
    outside = IMAGE if spec.kind == "image" else tensor.name

    def made(feed: Feed) -> Feed:
        others = {name: array for name, array in feed.items() if name != outside}
        return others | {tensor.name: apply(spec, tensor, one_frame, feed[outside])[0]}

    return made


@dataclass(frozen=True, slots=True)
class Made(Sequence[Feed]):
    """Feeds made of others when asked for: all at once, a thousand pictures as floats are gigabytes."""

    feeds: Sequence[Feed]
    made: Callable[[Feed], Feed]

    def __len__(self) -> int:
        return len(self.feeds)

    @overload
    def __getitem__(self, index: int) -> Feed: ...
    @overload
    def __getitem__(self, index: slice) -> Made: ...
    def __getitem__(self, index: int | slice) -> Feed | Made:
        if isinstance(index, slice):
            return Made(self.feeds[index], self.made)
        return self.made(self.feeds[index])

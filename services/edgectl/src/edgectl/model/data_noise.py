"""Samples of seeded noise, made one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from edge_common.bundle import Image
from edge_common.tensors import Array, TensorSpec
from edgectl.bundle.generate import generate
from edgectl.model.data import Feed, takes_pictures

# Heights and widths of generated pictures where the graph takes any: small, unequal so that a swap shows, and odd.
_SIDES = ((120, 160), (160, 120), (97, 131))
# How strong red, green and blue are, by turns.
_CAST = (1.0, 0.7, 0.4)


@dataclass(frozen=True, slots=True)
class Noise(Sequence[Feed]):
    """Feeds that are made when asked for, the same each time: a hundred thousand of them are gigabytes."""

    inputs: tuple[TensorSpec, ...]
    seed: int
    numbers: range

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Feed: ...
    @overload
    def __getitem__(self, index: slice) -> Noise: ...
    def __getitem__(self, index: int | slice) -> Feed | Noise:
        if isinstance(index, slice):
            return replace(self, numbers=self.numbers[index])
        number = self.numbers[index]
        picture = next((spec for spec in self.inputs if takes_pictures(spec)), None)
        image = Image(input=picture.name) if picture else None
        sides = _sides(picture, number) if picture else {}
        feed = generate(self.inputs, 1, self.seed + number, sides, image)[0]
        return feed | {picture.name: _cast(feed[picture.name], number)} if picture else feed


def _cast(pixels: Array, number: int) -> Array:
    """Return the pixels with a colour: what takes red for blue answers the same to noise that is grey on the whole."""
    return np.asarray(pixels * np.roll(_CAST, number // len(_SIDES)), np.uint8)


def _sides(spec: TensorSpec, number: int) -> dict[str, tuple[int, ...]]:
    sides = (1, *_SIDES[number % len(_SIDES)], 3)
    return {spec.name: tuple(side if want < 0 else want for want, side in zip(spec.shape, sides, strict=True))}

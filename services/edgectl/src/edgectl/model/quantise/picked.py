"""Some of many samples, still read only when they are asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from edgectl.model.data import Feed
from edgectl.model.errors import ModelError

# With fewer inputs, all serve both to calibrate and to measure; else half of them are kept to measure on.
MIN_SPLIT, _SEED = 20, 17


@dataclass(frozen=True, slots=True)
class Picked(Sequence[Feed]):
    """The feeds at `indexes`, in that order."""

    feeds: Sequence[Feed]
    indexes: Sequence[int]

    def __len__(self) -> int:
        return len(self.indexes)

    @overload
    def __getitem__(self, index: int) -> Feed: ...
    @overload
    def __getitem__(self, index: slice) -> Picked: ...
    def __getitem__(self, index: int | slice) -> Feed | Picked:
        if isinstance(index, slice):
            return Picked(self.feeds, self.indexes[index])
        return self.feeds[self.indexes[index]]


@dataclass(frozen=True, slots=True)
class Finite(Sequence[Feed]):
    """The same feeds; one with a number that is not finite stops who reads it, for no range can be made of it."""

    feeds: Sequence[Feed]
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.feeds)

    @overload
    def __getitem__(self, index: int) -> Feed: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Feed]: ...
    def __getitem__(self, index: int | slice) -> Feed | Sequence[Feed]:
        if isinstance(index, slice):
            return Finite(self.feeds[index], self.names[index])
        feed = self.feeds[index]
        for name, array in feed.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                bad = array[~np.isfinite(array)].ravel()
                which = self.names[index] if self.names else str(index)
                raise ModelError(
                    f"--calibration: sample {which}: input '{name}': want finite numbers, found {bad[0]} "
                    f"({bad.size} of {array.size}); leave the sample out"
                )
        return feed


def split(feeds: Sequence[Feed], classes: Sequence[Any] | None = None) -> tuple[Picked, Picked]:
    """Return the feeds to calibrate on and those to measure on: halves, or all for both where they are few.

    The halves are drawn, the same each time: every other one could be every other class. Where the `classes` of the
    feeds are known, each half has half of every one.
    """
    if len(feeds) < MIN_SPLIT:
        return Picked(feeds, range(len(feeds))), Picked(feeds, range(len(feeds)))
    drawn = random.Random(_SEED).sample(range(len(feeds)), len(feeds))
    half = len(feeds) // 2
    fit, held = drawn[:half], drawn[half:]
    if classes is not None:
        drawn.sort(key=lambda index: str(classes[index]))
        fit, held = drawn[::2], drawn[1::2]
    return Picked(feeds, sorted(fit)), Picked(feeds, sorted(held))

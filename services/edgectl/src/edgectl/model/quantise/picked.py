"""Some of many samples, still read only when they are asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from edgectl.model.data import Feed

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


def split(feeds: Sequence[Feed]) -> tuple[Picked, Picked]:
    """Return the feeds to calibrate on and those to measure on: halves, or all for both where they are few.

    The halves are drawn, the same each time: every other one could be every other class.
    """
    if len(feeds) < MIN_SPLIT:
        return Picked(feeds, range(len(feeds))), Picked(feeds, range(len(feeds)))
    drawn = random.Random(_SEED).sample(range(len(feeds)), len(feeds))
    half = len(feeds) // 2
    return Picked(feeds, sorted(drawn[:half])), Picked(feeds, sorted(drawn[half:]))

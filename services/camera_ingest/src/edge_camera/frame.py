"""One picture and when it was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The moment of reading: `monotonic` gives ages, `wall` (epoch seconds) is for people and machines."""

    monotonic: float
    wall: float
    clock_synced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`pixels` is uint8 [height, width, 3] in BGR order, as OpenCV decodes; never written to after reading.

    `position_s` is the frame's place on its source's own time line, by which the fps limit works: a file's
    frames keep their spacing however fast they are read.
    """

    camera: str
    seq: int
    pixels: Pixels
    stamp: Stamp
    position_s: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        shape: tuple[Any, ...] = self.pixels.shape
        return int(shape[1]), int(shape[0])

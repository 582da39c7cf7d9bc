"""Parts of the picture that nobody may see: blacked out before anything leaves the process."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_camera.frame import Pixels

# Corners as shares of the picture's width and height, 0,0 at its upper left.
Polygon = Sequence[Sequence[float]]
_Flags = npt.NDArray[np.bool_]

# More are a drawing and not a mask; each corner costs about a millisecond when the resolution changes.
MAX_POLYGONS, MAX_CORNERS = 32, 256


def faults(polygons: Sequence[Polygon]) -> list[tuple[str, str, object]]:
    """Return (key, wanted, found) for everything wrong; keys look like `mask[0][2]`."""
    if len(polygons) > MAX_POLYGONS:
        return [("mask", f"at most {MAX_POLYGONS} polygons", len(polygons))]
    return [fault for index, polygon in enumerate(polygons) for fault in _polygon_faults(f"mask[{index}]", polygon)]


def _polygon_faults(key: str, polygon: Polygon) -> list[tuple[str, str, object]]:
    if not 3 <= len(polygon) <= MAX_CORNERS:
        return [(key, f"3 to {MAX_CORNERS} corners", len(polygon))]
    return [
        (f"{key}[{index}]", "[x, y], each from 0 to 1", list(corner))
        for index, corner in enumerate(polygon)
        if len(corner) != 2 or not all(0.0 <= value <= 1.0 for value in corner)
    ]


class Mask:
    """Black out polygons; for use by one thread.

    A pixel that a polygon touches is black, also when it is touched by an edge alone; where a polygon crosses
    itself or another, everything that any of them surrounds is black. Polygons are drawn once a resolution
    (7 ms for a triangle and a quadrangle at 640x480, 42 ms at 1920x1080); a frame then costs 0.05 ms of CPU at
    640x480 and 0.35 ms at 1920x1080 (x86-64, one thread).
    """

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = polygons
        self._keep = np.zeros(0, np.uint8)

    def apply(self, pixels: Pixels) -> Pixels:
        """Return uint8 [h, w] or [h, w, c] with the polygons black.

        Without polygons, or without a pixel, that is `pixels` itself, otherwise a new array.
        """
        if not self._polygons or not pixels.size:
            return pixels
        if self._keep.shape != pixels.shape:
            self._keep = self._draw(pixels.shape)
        return np.bitwise_and(pixels, self._keep)

    def _draw(self, shape: tuple[int, ...]) -> Pixels:
        black = np.zeros(shape[:2], np.bool_)
        for polygon in self._polygons:
            _add_polygon(black, polygon)
        keep = np.where(black, np.uint8(0), np.uint8(255))
        return np.ascontiguousarray(np.broadcast_to(keep.reshape(*shape[:2], *[1] * (len(shape) - 2)), shape))


def _add_polygon(black: _Flags, polygon: Polygon) -> None:
    """Set what `polygon` touches. OpenCV's fillPoly leaves out half-touched pixels and holes: not good enough."""
    height, width = black.shape
    corners = [(x * width, y * height) for x, y in polygon]
    turns = np.zeros((height, width + 1), np.int16)
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        _count_turns(turns, start, end)
        _add_edge(black, start, end)
    # A centre lies inside when the edges to its left go round it, in sum, at all.
    black |= np.cumsum(turns, axis=1, dtype=np.int16)[:, :width] != 0


def _count_turns(turns: npt.NDArray[np.int16], start: tuple[float, float], end: tuple[float, float]) -> None:
    """Note +1 or -1 at the first pixel of each row whose centre is right of the edge."""
    (x1, y1), (x2, y2) = sorted((start, end), key=lambda corner: corner[1])
    rows = np.arange(max(0, math.ceil(y1 - 0.5)), max(0, math.ceil(y2 - 0.5)))
    if not len(rows):
        return
    crossing = x1 + (rows + 0.5 - y1) * (x2 - x1) / (y2 - y1)
    columns = np.clip(np.ceil(crossing - 0.5), 0, turns.shape[1] - 1).astype(np.intp)
    turns[rows, columns] += 1 if start[1] < end[1] else -1


def _add_edge(black: _Flags, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Set every pixel that the line from `start` to `end` passes through, row by row."""
    (x1, y1), (x2, y2) = sorted((start, end), key=lambda corner: corner[1])
    height, width = black.shape
    for row in range(min(int(y1), height - 1), min(int(y2), height - 1) + 1):
        # Where the line enters and leaves this row; a level line is in it as a whole.
        reach = [x1, x2] if y1 == y2 else [_x_at(max(y1, row), x1, y1, x2, y2), _x_at(min(y2, row + 1), x1, y1, x2, y2)]
        left, right = min(int(min(reach)), width - 1), min(int(max(reach)), width - 1)
        black[row, left : right + 1] = True


def _x_at(y: float, x1: float, y1: float, x2: float, y2: float) -> float:
    return x1 + (y - y1) * (x2 - x1) / (y2 - y1)

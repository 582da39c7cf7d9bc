"""What lies in the pixels of a model's output, laid back over the frame that was sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.geometry import GEOMETRY


@dataclass(frozen=True, slots=True)
class Grid:
    """Tensors, y then x: the frame's pixel i has its middle at (i + 0.5) * `step` + `start` in the map's pixels.

    `extents` of the map and `step` and `start` are float32 [2], `frame` are int64 [2].
    """

    extents: str
    step: str
    start: str
    frame: str


def grid(nodes: Nodes, map_: str) -> Grid:
    """Add where the frame's pixels lie in `map_` [1, channels, h, w], which covers the model's whole input."""
    scale, offset, frame, size = (nodes("Gather", nodes.pair(name), whole(1, 0)) for name in GEOMETRY)
    extents = nodes("Cast", nodes("Shape", map_, start=2, end=4), to=TensorProto.FLOAT)
    ratio = nodes("Div", extents, size)
    whole_frame = nodes("Cast", frame, to=TensorProto.INT64)
    return Grid(extents, nodes("Mul", scale, ratio), nodes("Mul", offset, ratio), whole_frame)


def nearest(nodes: Nodes, mask: str, places: Grid) -> str:
    """Return the uint8 `mask` [1, 1, h, w] with the frame's extents: for each pixel what its middle lies in, else 0."""
    framed = nodes("Pad", mask, whole(1, 1, 1, 1), single(0, np.uint8), whole(2, 3))
    # Columns first, byte by byte, while the rows are few; then whole rows.
    for axis in (1, 0):
        beyond = nodes("Add", nodes("Gather", places.extents, single(axis, np.int64)), single(1))
        index = nodes("Add", nodes("Floor", _middles(nodes, places, axis)), single(1))
        inside = nodes("Min", nodes("Max", index, single(0)), beyond)
        framed = nodes("Gather", framed, nodes("Cast", inside, to=TensorProto.INT64), axis=2 + axis)
    return framed


def smooth(nodes: Nodes, map_: str, places: Grid) -> str:
    """Return the float `map_` with the frame's extents, linear between its pixels' middles, level beyond its edge."""
    padded, span = _bordered(nodes, map_, places)
    # Resize counts from the middle of the first pixel to that of the last, in shares of the distance between them.
    ends = (single(0.5), nodes("Sub", nodes("Cast", places.frame, to=TensorProto.FLOAT), single(0.5)))
    lie = (nodes("Add", nodes("Mul", end, places.step), places.start) for end in ends)
    shares = [nodes("Div", nodes("Add", place, single(0.5)), span) for place in lie]
    return nodes(
        "Resize",
        padded,
        nodes("Concat", *shares, axis=0),
        "",
        places.frame,
        axes=[2, 3],
        mode="linear",
        coordinate_transformation_mode="tf_crop_and_resize",
    )


def _bordered(nodes: Nodes, map_: str, places: Grid) -> tuple[str, str]:
    """Return `map_` with a border of its edge, and how far its first and last pixels are apart then: float32 [2].

    Behind it is one more where it would have the frame's extent: there, ONNX Runtime copies and does not look where.
    """
    bordered = nodes("Add", nodes("Cast", places.extents, to=TensorProto.INT64), whole(2))
    more = nodes("Cast", nodes("Equal", bordered, places.frame), to=TensorProto.INT64)
    pads = nodes("Concat", whole(1, 1), nodes("Add", more, whole(1)), axis=0)
    apart = nodes("Cast", nodes("Sub", nodes("Add", bordered, more), whole(1)), to=TensorProto.FLOAT)
    return nodes("Pad", map_, pads, "", whole(2, 3), mode="edge"), apart


def within(nodes: Nodes, mask: str, places: Grid) -> str:
    """Return the uint8 `mask` [1, 1, H, W] with 0 where a crop cut the frame's pixels off: nobody looked at those."""
    seen = []
    for axis in (0, 1):
        middles = _middles(nodes, places, axis)
        extent = nodes("Gather", places.extents, single(axis, np.int64))
        inside = nodes("And", nodes("GreaterOrEqual", middles, single(0)), nodes("Less", middles, extent))
        seen.append(nodes("Unsqueeze", inside, whole(1 - axis)))
    return nodes("Where", nodes("And", *seen), mask, single(0, np.uint8))


def _middles(nodes: Nodes, places: Grid, axis: int) -> str:
    """Return where the middles of the frame's pixels lie in the map along `axis`, 0 for y: float32 [H] or [W]."""
    which = single(axis, np.int64)
    step, start, count = (nodes("Gather", axes, which) for axes in (places.step, places.start, places.frame))
    pixels = nodes("Range", single(0, np.int64), count, single(1, np.int64))
    halves = nodes("Add", nodes("Cast", pixels, to=TensorProto.FLOAT), single(0.5))
    return nodes("Add", nodes("Mul", halves, step), start)

"""Resizing as nodes, as each library that resizes training pictures does it; docs/models/prepare.md has figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.before.cubic import SHIFTS, shares
from edgectl.model.prepare.before.place import Placed, Value
from edgectl.model.prepare.before.spec import Interpolation

# Height and width of NHWC: a layout in which no Transpose stands before the Resize for ONNX Runtime's default level to
# move through it, after which some Resizes fail to load.
_AXES = (1, 2)


def resample(nodes: Nodes, interpolation: Interpolation, placed: Placed) -> str:
    """Add what resizes `placed.image` UINT8 NHWC to FLOAT, 0 to 255; return it.

    Values are whole numbers, as the libraries give for 8-bit pictures, but for "tf-bilinear".
    """
    image = placed.image
    match interpolation:
        case "cv2-nearest":
            return nodes("Cast", _nearest(nodes, image, placed), to=TensorProto.FLOAT)
        case "cv2-cubic":
            cubic = _cubic(nodes, nodes("Cast", image, to=TensorProto.FLOAT), placed)
            return nodes("Round", nodes("Clip", cubic, single(0), single(255)))
        case "pil-bilinear" | "pil-bicubic":
            return nodes("Cast", _pillow(nodes, image, placed, interpolation), to=TensorProto.FLOAT)
        case "cv2-linear" | "tf-bilinear":
            # In FLOAT: in UINT8 it cuts off what is behind the point, a third of a level on average.
            linear = _resize(nodes, nodes("Cast", image, to=TensorProto.FLOAT), placed, mode="linear")
            return linear if interpolation == "tf-bilinear" else nodes("Round", linear)


def _resize(nodes: Nodes, image: str, placed: Placed, **attributes: Any) -> str:
    attributes |= {"axes": _AXES, "coordinate_transformation_mode": "half_pixel"}
    return nodes("Resize", image, "", "", placed.resized, **attributes)


def _pillow(nodes: Nodes, image: str, placed: Placed, interpolation: Interpolation) -> str:
    """In UINT8, for Pillow too rounds between its two passes, and without what lies outside, as it does."""
    cubic = {"mode": "cubic", "cubic_coeff_a": -0.5}
    mode = cubic if interpolation == "pil-bicubic" else {"mode": "linear"}
    return _resize(nodes, image, placed, antialias=1, exclude_outside=1, **mode)


def _nearest(nodes: Nodes, image: str, placed: Placed) -> str:
    """By Gather: Resize computes in FLOAT, which is off by a pixel where OpenCV's double meets a whole number."""
    for index, axis in enumerate(_AXES):
        steps, ratio = _ladder(nodes, placed, index)
        found = nodes("Cast", nodes("Floor", nodes("Mul", steps, ratio)), to=TensorProto.INT64)
        image = nodes("Gather", image, found, axis=axis)
    return image


def _cubic(nodes: Nodes, pixels: str, placed: Placed) -> str:
    """By Gather, an axis at a time: ONNX Runtime's own is some twenty times slower, and takes NCHW only."""
    half = single(0.5, np.float64)
    for index, axis in enumerate(_AXES):
        steps, ratio = _ladder(nodes, placed, index)
        last = nodes("Sub", _extent(nodes, placed.frame, index), whole(1))
        exact = nodes("Sub", nodes("Mul", nodes("Add", steps, half), ratio), half)
        floor = nodes("Floor", exact)
        weights = shares(nodes, nodes("Cast", nodes("Sub", exact, floor), to=TensorProto.FLOAT))
        first, taps = nodes("Cast", floor, to=TensorProto.INT64), []
        for shift, weight in zip(SHIFTS, weights, strict=True):
            found = nodes("Max", nodes("Min", nodes("Add", first, whole(shift)), last), whole(0))
            wide = nodes("Unsqueeze", weight, whole(*range(1, 4 - axis)))
            taps.append(nodes("Mul", nodes("Gather", pixels, found, axis=axis), wide))
        pixels = nodes("Sum", *taps)
    return pixels


def _ladder(nodes: Nodes, placed: Placed, index: int) -> tuple[str, str]:
    """Return, of height or width: 0.0 .. new - 1, and how many old pixels are one new (DOUBLE)."""
    old, new = (_extent(nodes, value, index) for value in (placed.frame, placed.resized))
    steps = nodes("Range", single(0, np.int64), new, single(1, np.int64))
    old_real, new_real = (nodes("Cast", value, to=TensorProto.DOUBLE) for value in (old, new))
    # As OpenCV does: old / new can differ in its last bit. So can 1 / x, for which ONNX Runtime puts steps / x.
    ratio = nodes("Reciprocal", nodes("Div", new_real, old_real))
    return nodes("Cast", steps, to=TensorProto.DOUBLE), ratio


def _extent(nodes: Nodes, value: Value, index: int) -> str:
    return nodes("Gather", value, single(index, np.int64))

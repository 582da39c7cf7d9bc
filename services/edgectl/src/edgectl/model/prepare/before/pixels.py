"""From a resized picture to what the model takes, as nodes: padding or cutting, colour, range, type, layout."""

from __future__ import annotations

import numpy as np
from msgspec import UNSET
from onnx import TensorProto, helper

from edge_common.tensors import DTYPES
from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.before.fit import Fitted
from edgectl.model.prepare.before.place import Placed, Value

# What R, G and B weigh in grey, in OpenCV, Pillow and TensorFlow alike (ITU-R BT.601).
GREY = (0.299, 0.587, 0.114)
_AXES = (1, 2)


def to_size(nodes: Nodes, fitted: Fitted, pixels: str, placed: Placed) -> tuple[str, Value]:
    """Return `pixels` (FLOAT NHWC) padded or cut to the model's size, and that size (INT64 [2], height and width)."""
    if fitted.size is None or fitted.spec.resize in ("stretch", "none"):
        return pixels, placed.resized
    end = whole(fitted.size[1], fitted.size[0])
    if fitted.spec.resize == "crop":
        return nodes("Slice", pixels, placed.offset, nodes("Add", placed.offset, end), whole(*_AXES)), end
    behind = nodes("Sub", nodes("Sub", end, placed.resized), placed.offset)
    pads = nodes("Concat", placed.offset, behind, axis=0)
    return _padded(nodes, pixels, pads, (0,) if fitted.spec.pad is UNSET else fitted.spec.pad), end


def _padded(nodes: Nodes, pixels: str, pads: str, levels: tuple[int, ...]) -> str:
    def pad(value: str, level: int) -> str:
        return nodes("Pad", value, pads, single(level), whole(*_AXES))

    if len(set(levels)) == 1:
        return pad(pixels, levels[0])
    # Pad knows one number only: around the difference to the colour it is 0.
    colour = np.array(levels, np.float32)
    return nodes("Add", pad(nodes("Sub", pixels, colour), 0), colour)


def to_model(nodes: Nodes, fitted: Fitted, pixels: str) -> str:
    """Return `pixels` (FLOAT NHWC RGB, 0 to 255) in colour, range, type and layout of the model."""
    pixels = _coloured(nodes, fitted, pixels)
    if set(fitted.factor) != {1.0}:
        pixels = nodes("Mul", pixels, np.array(fitted.factor, np.float32))
    if set(fitted.shift) != {0.0}:
        pixels = nodes("Add", pixels, np.array(fitted.shift, np.float32))
    pixels = _typed(nodes, fitted, pixels)
    return nodes("Transpose", pixels, perm=[0, 3, 1, 2]) if fitted.layout == "NCHW" else pixels


def _coloured(nodes: Nodes, fitted: Fitted, pixels: str) -> str:
    match fitted.spec.colour:
        case "BGR":
            return nodes("Gather", pixels, whole(2, 1, 0), axis=3)
        case "grey":
            grey = nodes("MatMul", pixels, np.array(GREY, np.float32)[:, None])
            return grey if fitted.spec.interpolation == "tf-bilinear" else nodes("Round", grey)
    return pixels


def _typed(nodes: Nodes, fitted: Fitted, pixels: str) -> str:
    dtype, quantised = DTYPES[fitted.tensor.datatype], fitted.spec.quantised
    if dtype == np.float32:
        return pixels
    if quantised is not UNSET:
        return nodes("QuantizeLinear", pixels, single(quantised.scale), np.array(quantised.zero_point, dtype))
    if dtype == np.uint8:
        # "tf-bilinear" leaves fractions, which Cast would cut off.
        pixels = nodes("Round", pixels)
    kind: TensorProto.DataType = helper.np_dtype_to_tensor_dtype(dtype)
    return nodes("Cast", pixels, to=kind)

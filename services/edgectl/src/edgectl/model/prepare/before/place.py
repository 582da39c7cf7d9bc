"""Where a frame comes to lie in the model's input, as nodes: whole numbers throughout, for rounding to be exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec import UNSET
from onnx import TensorProto

from edge_common.tensors import Array
from edgectl.model.prepare.after.nodes import Nodes, whole
from edgectl.model.prepare.before.fit import Fitted
from edgectl.model.prepare.geometry import FRAME, OFFSET, SCALE, SIZE

# Frames are never so long in earnest: of 16:9 a square crop shows more than half.
LONGEST = 8
# A tensor's name, or a constant.
Value = str | Array


@dataclass(frozen=True, slots=True)
class Placed:
    """`image`, the pixels; and INT64 [2] values, height then width: of these, of them resized, and before the first.

    `offset` is what is padded in front for a letterbox, what is cut off in front for a crop, else 0. `cut` is what of
    the frame that was sent, in `sent` its size, lies before `image`, where that is not all of it.
    """

    image: str
    frame: str
    resized: Value
    offset: Value
    sent: str = ""
    cut: str = ""


def place(nodes: Nodes, fitted: Fitted, image: str) -> Placed:
    """Add what computes where the frames `image`, NHWC, go; every size has a place."""
    frame = nodes("Shape", image, start=1, end=3)
    if fitted.size is None or fitted.spec.resize == "none":
        return Placed(image, frame, frame, whole(0, 0))
    target = whole(fitted.size[1], fitted.size[0])
    if fitted.spec.resize == "letterbox":
        return _letterbox(nodes, image, frame, target, fitted.spec.place == "corner")
    if fitted.spec.resize == "crop":
        short_side = fitted.spec.short_side
        cover = target if short_side is UNSET else whole(short_side, short_side)
        return _crop(nodes, image, frame, target, cover)
    return Placed(image, frame, target, whole(0, 0))


def geometry(nodes: Nodes, placed: Placed, resize: str, end: Value) -> None:
    """Add the outputs SCALE, OFFSET, FRAME and SIZE; `end` (INT64 [2], height then width) is the model's input."""

    def pair(value: Value) -> str:
        """From height and width to x and y."""
        return nodes("Cast", nodes("Gather", value, whole(1, 0)), to=TensorProto.FLOAT)

    scale = nodes("Div", pair(placed.resized), pair(placed.frame))
    offset = pair(nodes("Neg", placed.offset) if resize == "crop" else placed.offset)
    if placed.cut:
        offset = nodes("Sub", offset, nodes("Mul", pair(placed.cut), scale))
    pairs = {
        SCALE: scale,
        OFFSET: offset,
        FRAME: pair(placed.sent or placed.frame),
        SIZE: pair(end),
    }
    for name, value in pairs.items():
        nodes.output(name, value, np.float32, [2])


def _crossed(nodes: Nodes, frame: str, target: Array) -> tuple[str, str]:
    """Return frame height * target width and frame width * target height; and frame width and height."""
    return nodes("Mul", frame, target[::-1].copy()), nodes("Gather", frame, whole(1, 0))


def _letterbox(nodes: Nodes, image: str, frame: str, target: Array, corner: bool) -> Placed:
    """The largest that keeps the sides' ratio, rounded half up: the smaller of what either side of `target` allows."""
    product, other = _crossed(nodes, frame, target)
    twice = nodes("Add", nodes("Mul", product, whole(2)), other)
    rounded = nodes("Div", twice, nodes("Mul", other, whole(2)))
    # A frame of 1000 x 1 pixels must not become one of no height.
    resized = nodes("Max", nodes("Min", rounded, target), whole(1))
    spare = nodes("Sub", target, resized)
    return Placed(image, frame, resized, whole(0, 0) if corner else nodes("Div", spare, whole(2)))


def _crop(nodes: Nodes, image: str, sent: str, target: Array, cover: Array) -> Placed:
    """The smallest that covers `cover`, rounded down as torchvision's Resize does, cut in its centre.

    Half a pixel goes to the even side, as torchvision's CenterCrop has it. What is LONGEST times as long as what will
    be seen of it is cut before it is resized: 10 000 x 1 pixels would have to become millions times 224.
    """
    most = nodes("Div", nodes("Mul", nodes("Gather", sent, whole(1, 0)), LONGEST * target), target[::-1].copy())
    frame = nodes("Min", sent, nodes("Max", most, whole(1)))
    cut = nodes("Div", nodes("Sub", sent, frame), whole(2))
    image = nodes("Slice", image, cut, nodes("Add", cut, frame), whole(1, 2))
    product, other = _crossed(nodes, frame, cover)
    resized = nodes("Max", nodes("Div", product, other), cover)
    spare = nodes("Sub", resized, target)
    odd = nodes("Div", nodes("Mod", spare, whole(4)), whole(3))
    offset = nodes("Add", nodes("Div", spare, whole(2)), odd)
    return Placed(image, frame, resized, offset, sent, cut)

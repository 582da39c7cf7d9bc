"""Scores of each class and pixel to a class of each pixel of the frame that was sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from edge_common.tensors import TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.classes import activated
from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.after.pick import FLOATS, WHOLES, classes_fit, of, one_frame, picked, shown
from edgectl.model.prepare.after.spec import MAX_MASK_CLASSES, Mask
from edgectl.model.prepare.after.unplace import grid, nearest, smooth, within

_KEY = "output.mask"


def source(spec: Mask, outputs: Sequence[TensorSpec], labels: Sequence[str]) -> TensorSpec:
    """Return the output with the scores; raise ModelError unless it fits `spec` and the labels."""
    key = f"{_KEY}.from"
    if spec.layout == "map":
        tensor = picked(outputs, key, spec.source, of(WHOLES, 3, 4), "an output of whole numbers [1, h, w]")
    else:
        form = "[1, classes, h, w]" if spec.layout == "nchw" else "[1, h, w, classes]"
        tensor = picked(outputs, key, spec.source, of(FLOATS, 4), f"an output of floats {form}")
    one_frame(key, tensor)
    count = channels(spec, tensor)
    if spec.layout == "map":
        if count != 1:
            raise ModelError(f"{key}: want [1, h, w] or [1, 1, h, w] for layout 'map', found {shown(tensor)}")
        return tensor
    if not 1 <= count <= MAX_MASK_CLASSES:
        raise ModelError(f"{key}: want 1 to {MAX_MASK_CLASSES} classes in {form}, found {shown(tensor)}")
    classes_fit(key, tensor, max(count, 2), labels, f"layout {spec.layout!r} reads {form}")
    return tensor


def channels(spec: Mask, tensor: TensorSpec) -> int:
    """Return how many classes' scores a pixel of `tensor` has, -1 when that is not fixed."""
    if spec.layout == "map":
        return 1 if len(tensor.shape) == 3 else tensor.shape[1]
    return tensor.shape[3 if spec.layout == "nhwc" else 1]


def add(nodes: Nodes, spec: Mask, tensor: TensorSpec, scores: str, geometry: bool) -> None:
    """Add `mask` uint8 [1, H, W] to the graph: of the frame's extents with `geometry`, else of the model's."""
    one, map_ = channels(spec, tensor) == 1, _map(nodes, spec, tensor, scores)
    if geometry and spec.resize == "linear":
        places = grid(nodes, map_)
        mask = within(nodes, _classes(nodes, spec, smooth(nodes, map_, places), one), places)
    else:
        # Laid over the frame as classes, which are a byte a pixel.
        mask = map_ if spec.layout == "map" else _classes(nodes, spec, map_, one)
        mask = nearest(nodes, mask, grid(nodes, map_)) if geometry else mask
    sides: list[int | str] = ["H", "W"] if geometry else _extents(spec, tensor)
    nodes.output("mask", nodes("Squeeze", mask, whole(1)), np.uint8, [1, *sides])


def _map(nodes: Nodes, spec: Mask, tensor: TensorSpec, scores: str) -> str:
    """Return what the model gives as [1, channels, h, w]: shares as float32, or classes as uint8."""
    if spec.layout == "map":
        classes = nodes("Cast", scores, to=TensorProto.UINT8)
        return nodes("Unsqueeze", classes, whole(1)) if len(tensor.shape) == 3 else classes
    floats = nodes.floats(scores, tensor)
    nchw = nodes("Transpose", floats, perm=[0, 3, 1, 2]) if spec.layout == "nhwc" else floats
    return activated(nodes, spec.activation, nchw, axis=1)


def _classes(nodes: Nodes, spec: Mask, shares: str, one: bool) -> str:
    """Return the class of each pixel of `shares` [1, channels, h, w] as uint8 [1, 1, h, w]."""
    best = nodes("Greater", shares, single(spec.threshold)) if one else nodes("ArgMax", shares, axis=1)
    return nodes("Cast", best, to=TensorProto.UINT8)


def _extents(spec: Mask, tensor: TensorSpec) -> list[int | str]:
    height = 1 if spec.layout == "nhwc" else len(tensor.shape) - 2
    found = tensor.shape[height : height + 2]
    return [name if extent < 0 else extent for name, extent in zip(("mask_height", "mask_width"), found, strict=True)]

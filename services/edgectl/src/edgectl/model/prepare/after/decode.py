"""A detector's raw outputs to corners in the pixels of the model's input, and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edge_common.tensors import TensorSpec
from edgectl.model.prepare.after.anchors import read_anchors
from edgectl.model.prepare.after.classes import activated
from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.after.sources import Sources
from edgectl.model.prepare.after.spec import Boxes
from edgectl.model.prepare.geometry import SIZE


@dataclass(frozen=True, slots=True)
class Decoded:
    """Tensors: `corners` [N, 4] x1 y1 x2 y2; `scores` [N, C], or [N] where `classes` [N] (int64) says of which."""

    corners: str
    scores: str
    classes: str | None = None


def decoded(nodes: Nodes, spec: Boxes, found: Sources, tensors: Mapping[str, str]) -> Decoded:
    """Add what `spec.style` says to the graph; `tensors` has the tensor of each output in `found`."""
    raw = _frame(nodes, found.boxes, tensors, 2)
    match spec.style:
        case "yolo-v5":
            boxes = _yolo_v5(nodes, spec, raw)
        case "yolo-v8":
            boxes = _yolo_v8(nodes, spec, nodes("Transpose", raw, perm=[1, 0]))
        case "yolo-v10":
            boxes = _named(nodes, spec, nodes.columns(raw, 0, 4), nodes.column(raw, 4), nodes.column(raw, 5))
        case _:
            boxes = _ssd(nodes, spec, found, raw, tensors)
    if not spec.in_shares:
        return boxes
    extents = nodes("Concat", nodes.pair(SIZE), nodes.pair(SIZE), axis=0)
    return Decoded(nodes("Mul", boxes.corners, extents), boxes.scores, boxes.classes)


def _frame(nodes: Nodes, spec: TensorSpec, tensors: Mapping[str, str], rank: int) -> str:
    """Return the output `spec` as floats of `rank`, without its batch of one where it has one."""
    floats = nodes.floats(tensors[spec.name], spec)
    return nodes("Squeeze", floats, whole(0)) if len(spec.shape) > rank else floats


def _yolo_v5(nodes: Nodes, spec: Boxes, rows: str) -> Decoded:
    """cx cy w h, objectness, a score a class: a box's score is objectness times its class's."""
    shares = activated(nodes, spec.activation, nodes.columns(rows, 4), axis=1)
    scores = nodes("Mul", nodes.columns(shares, 0, 1), nodes.columns(shares, 1 + spec.first_class))
    return Decoded(_corners(nodes, nodes.columns(rows, 0, 2), nodes.columns(rows, 2, 4)), scores)


def _yolo_v8(nodes: Nodes, spec: Boxes, rows: str) -> Decoded:
    """cx cy w h, a score a class."""
    scores = _of_classes(nodes, spec, nodes.columns(rows, 4))
    return Decoded(_corners(nodes, nodes.columns(rows, 0, 2), nodes.columns(rows, 2, 4)), scores)


def _ssd(nodes: Nodes, spec: Boxes, found: Sources, raw: str, tensors: Mapping[str, str]) -> Decoded:
    assert found.scores is not None
    corners = _anchored(nodes, spec, raw, found.boxes.shape[-2]) if spec.style == "ssd" else raw
    if spec.y_first:
        corners = nodes("Gather", corners, whole(1, 0, 3, 2), axis=1)
    if found.classes is None:
        return Decoded(corners, _of_classes(nodes, spec, _frame(nodes, found.scores, tensors, 2)))
    scores, classes = (_frame(nodes, output, tensors, 1) for output in (found.scores, found.classes))
    return _named(nodes, spec, corners, activated(nodes, spec.activation, scores, axis=0), classes)


def _of_classes(nodes: Nodes, spec: Boxes, scores: str) -> str:
    """Return the activated scores of the classes that have labels; a softmax is over the background's too."""
    shares = activated(nodes, spec.activation, scores, axis=1)
    return nodes.columns(shares, spec.first_class) if spec.first_class else shares


def _named(nodes: Nodes, spec: Boxes, corners: str, scores: str, classes: str) -> Decoded:
    """Boxes whose class the model names; those before the first class are background, and get score 0."""
    numbers = nodes("Cast", nodes("Round", classes), to=TensorProto.INT64)
    indexes = nodes("Sub", numbers, single(spec.first_class, np.int64))
    known = nodes("GreaterOrEqual", indexes, single(0, np.int64))
    return Decoded(corners, nodes("Where", known, scores, single(0)), indexes)


def _anchored(nodes: Nodes, spec: Boxes, raw: str, count: int) -> str:
    """Offsets from anchors to corners: centre + offset * variance * extent, extent * exp(offset * variance)."""
    anchors, variances = read_anchors(spec, count), np.array(spec.variances, np.float32)
    centre, extent = anchors[:, :2], anchors[:, 2:]
    centres = nodes("Add", nodes("Mul", nodes.columns(raw, 0, 2), variances[:2] * extent), centre)
    extents = nodes("Mul", nodes("Exp", nodes("Mul", nodes.columns(raw, 2, 4), variances[2:])), extent)
    return _corners(nodes, centres, extents)


def _corners(nodes: Nodes, centres: str, extents: str) -> str:
    half = nodes("Mul", extents, single(0.5))
    return nodes("Concat", nodes("Sub", centres, half), nodes("Add", centres, half), axis=1)

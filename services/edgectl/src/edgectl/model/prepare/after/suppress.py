"""The boxes that are kept: over the score wanted, none much over another, the strongest first, so many at most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edgectl.model.prepare.after.decode import Decoded
from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.after.spec import Boxes


@dataclass(frozen=True, slots=True)
class Kept:
    """Tensors: `corners` [k, 4], `scores` [k] and `classes` [k] (int64)."""

    corners: str
    scores: str
    classes: str


def kept(nodes: Nodes, spec: Boxes, boxes: Decoded) -> Kept:
    """Add threshold, suppression, order and cap to the graph; equal scores keep the order of class, then box."""
    boxes = _over_threshold(nodes, spec, boxes)
    table, classes = _table(nodes, spec, boxes)
    select = _all if spec.suppression == "none" else _suppressed
    rows, indexes, scores = select(nodes, spec, boxes.corners, table)
    named = rows if classes is None else nodes("Gather", classes, indexes)
    return Kept(nodes("Gather", boxes.corners, indexes), scores, named)


def _over_threshold(nodes: Nodes, spec: Boxes, boxes: Decoded) -> Decoded:
    """Return the boxes with any score over the threshold: of thousands, those few go through the rest."""
    best = boxes.scores if boxes.classes is not None else nodes("ReduceMax", boxes.scores, whole(1), keepdims=0)
    places = nodes("Squeeze", nodes("NonZero", nodes("Greater", best, single(spec.min_score))), whole(0))
    corners, scores = nodes("Gather", boxes.corners, places), nodes("Gather", boxes.scores, places)
    return Decoded(corners, scores, None if boxes.classes is None else nodes("Gather", boxes.classes, places))


def _table(nodes: Nodes, spec: Boxes, boxes: Decoded) -> tuple[str, str | None]:
    """Return scores [rows, N] to choose from, and the class of each box, None where a row is a class."""
    if boxes.classes is not None:
        return nodes("Unsqueeze", boxes.scores, whole(0)), boxes.classes
    if spec.many:
        return nodes("Transpose", boxes.scores, perm=[1, 0]), None
    best = nodes("ReduceMax", boxes.scores, whole(1), keepdims=0)
    which = nodes("ArgMax", boxes.scores, axis=1, keepdims=0)
    if spec.suppression != "per-class":
        return nodes("Unsqueeze", best, whole(0)), which
    # The score at the best class, 0 at the others: no threshold is below 0.
    count = nodes("Shape", boxes.scores, start=1, end=2)
    at_best = nodes("OneHot", which, count, np.array([0, 1], np.float32), axis=0)
    return nodes("Mul", at_best, best), None


def _suppressed(nodes: Nodes, spec: Boxes, corners: str, table: str) -> tuple[str, str, str]:
    """Return rows, boxes and scores of what no stronger one of the same row overlaps more than `iou`."""
    limits = (whole(spec.max_boxes), single(spec.iou).reshape(1), single(spec.min_score).reshape(1))
    batched = (nodes("Unsqueeze", corners, whole(0)), nodes("Unsqueeze", table, whole(0)))
    chosen = nodes.columns(nodes("NonMaxSuppression", *batched, *limits), 1)
    scores, order = _strongest(nodes, spec, nodes("GatherND", table, chosen), nodes("Shape", chosen, start=0, end=1))
    ranked = nodes("Gather", chosen, order)
    return nodes.column(ranked, 0), nodes.column(ranked, 1), scores


def _all(nodes: Nodes, spec: Boxes, corners: str, table: str) -> tuple[str, str, str]:
    """Return rows, boxes and scores of all over the threshold: the table taken as one row."""
    flat = nodes("Reshape", table, whole(-1))
    over = nodes("Greater", flat, single(spec.min_score))
    count = nodes("ReduceSum", nodes("Cast", over, to=TensorProto.INT64), whole(0))
    scores, order = _strongest(nodes, spec, nodes("Where", over, flat, single(-1)), count)
    # Where there is no box, nothing is divided; but ONNX Runtime refuses the 0 all the same.
    boxes = nodes("Max", nodes("Shape", corners, start=0, end=1), whole(1))
    return nodes("Div", order, boxes), nodes("Mod", order, boxes), scores


def _strongest(nodes: Nodes, spec: Boxes, scores: str, count: str) -> tuple[str, str]:
    """Return the first `count` [1] of `scores`, at most `max_boxes`, in order, and where they were."""
    most = nodes("Min", count, whole(spec.max_boxes))
    best, order = nodes.several("TopK", 2, scores, most)
    return best, order

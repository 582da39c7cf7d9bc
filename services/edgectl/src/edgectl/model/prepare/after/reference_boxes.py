"""A detection in plain numpy: decoded, suppressed one box at a time, laid back over the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_common.tensors import Array
from edgectl.model.prepare.after.anchors import read_anchors
from edgectl.model.prepare.after.shares import activated
from edgectl.model.prepare.after.spec import Boxes
from edgectl.model.prepare.geometry import Geometry

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One box for one class; `score` is a float32."""

    score: Any
    class_: int
    index: int
    corners: Floats


def apply(spec: Boxes, outputs: Sequence[Array], geometry: Geometry | None) -> dict[str, Array]:
    """Return `boxes`, `scores` and `classes`, made of what the style reads: boxes and, for SSD, scores and classes."""
    raw, *rest = (output.astype(np.float32) for output in outputs)
    corners, scores, classes = _decoded(spec, raw[0] if raw.ndim == 3 else raw, rest)
    if geometry is not None and spec.in_shares:
        corners = corners * np.tile(geometry.size, 2)
    best = _kept(spec, _candidates(spec, corners, scores, classes))
    boxes = np.array([one.corners for one in best], np.float32).reshape(-1, 4)
    if geometry is not None:
        scale, offset, frame = (np.tile(pair, 2) for pair in (geometry.scale, geometry.offset, geometry.frame))
        boxes = np.clip((boxes - offset) / scale, 0, frame)
    return {
        "boxes": boxes.astype(np.float32),
        "scores": np.array([one.score for one in best], np.float32),
        "classes": np.array([one.class_ for one in best], np.int64),
    }


def _decoded(spec: Boxes, raw: Floats, rest: Sequence[Floats]) -> tuple[Floats, Floats, Array | None]:
    """Return corners [N, 4], and scores [N, C], or [N] with the class of each box."""
    if spec.style == "yolo-v5":
        shares = activated(spec.activation, raw[:, 4:])
        return _corners(raw[:, :4]), shares[:, :1] * shares[:, 1 + spec.first_class :], None
    if spec.style == "yolo-v8":
        return _corners(raw.T[:, :4]), activated(spec.activation, raw.T[:, 4:])[:, spec.first_class :], None
    if spec.style == "yolo-v10":
        return raw[:, :4], raw[:, 4], _numbers(spec, raw[:, 5])
    corners = _corners(_from_anchors(spec, raw)) if spec.style == "ssd" else raw
    if spec.y_first:
        corners = corners[:, [1, 0, 3, 2]]
    if len(rest) == 1:
        table = rest[0].reshape(-1, rest[0].shape[-1])
        return corners, activated(spec.activation, table)[:, spec.first_class :], None
    return corners, activated(spec.activation, rest[0].reshape(-1)), _numbers(spec, rest[1].reshape(-1))


def _numbers(spec: Boxes, classes: Floats) -> Array:
    return np.rint(classes).astype(np.int64) - spec.first_class


def _corners(boxes: Floats) -> Floats:
    centre, extent = boxes[:, :2], boxes[:, 2:4]
    return np.concatenate([centre - extent / 2, centre + extent / 2], 1)


def _from_anchors(spec: Boxes, raw: Floats) -> Floats:
    anchors, variances = read_anchors(spec, len(raw)), np.array(spec.variances, np.float32)
    centre, extent = anchors[:, :2], anchors[:, 2:]
    moved = raw * variances
    return np.concatenate([centre + moved[:, :2] * extent, extent * np.exp(moved[:, 2:])], 1)


def _candidates(spec: Boxes, corners: Floats, scores: Floats, classes: Array | None) -> list[Candidate]:
    """Return what has a score over the wanted, in the order of class and box, or of box alone."""
    limit = np.float32(spec.min_score)
    if classes is None and spec.many:
        pairs = np.argwhere((scores > limit).T).tolist()
        return [Candidate(scores[box, class_], class_, box, corners[box]) for class_, box in pairs]
    if classes is None:
        classes = scores.argmax(1)
        scores = scores[np.arange(len(scores)), classes]
    over: list[int] = np.flatnonzero((scores > limit) & (classes >= 0)).tolist()
    if spec.suppression == "per-class":
        over.sort(key=lambda box: int(classes[box]))
    return [Candidate(scores[box], int(classes[box]), box, corners[box]) for box in over]


def _kept(spec: Boxes, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the strongest, each unless one already kept covers it; equals in the order that they came in."""
    best: list[Candidate] = []
    for one in sorted(candidates, key=lambda candidate: -candidate.score):
        if len(best) == spec.max_boxes:
            break
        if not any(_rivals(spec, one, kept) for kept in best):
            best.append(one)
    return best


def _rivals(spec: Boxes, one: Candidate, kept: Candidate) -> bool:
    if spec.suppression == "none" or (spec.suppression == "per-class" and one.class_ != kept.class_):
        return False
    return bool(overlap(one.corners, kept.corners) > np.float32(spec.iou))


def overlap(one: Floats, other: Floats) -> np.float32:
    """Return the area that two boxes share in the area that they cover, 0 where one has none."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = np.prod(np.maximum(high - low, np.float32(0)))
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    if min(shared, *areas) <= 0:
        return np.float32(0)
    return np.float32(shared / (areas[0] + areas[1] - shared))

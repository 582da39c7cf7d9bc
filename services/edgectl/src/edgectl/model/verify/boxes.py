"""Boxes of two answers, matched by where they are: NMS and rounding change their order and number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.errors import ModelError
from edgectl.model.verify.classes import class_name

# As in the metric's name, mAP@0.5.
LEAST_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Boxes:
    """`corners` FP64 [n, 4] x1 y1 x2 y2, `scores` FP64 [n], and n names of classes."""

    corners: Array
    scores: Array
    classes: tuple[str, ...]


def boxes_of(answer: Answer, labels: Sequence[str], outputs: Mapping[str, Array]) -> Boxes:
    """Return what a detection answered; raise ModelError when its three outputs are not of one count."""
    corners, scores, classes = (outputs[name or ""] for name in (answer.boxes, answer.scores, answer.classes))
    if corners.size != 4 * scores.size or scores.size != classes.size:
        raise ModelError(
            f"'{answer.boxes}', '{answer.scores}', '{answer.classes}': want [n, 4], [n] and [n], "
            f"found {list(corners.shape)}, {list(scores.shape)} and {list(classes.shape)}"
        )
    names = tuple(class_name(value, labels) for value in classes.ravel().tolist())
    return Boxes(corners.reshape(-1, 4).astype(np.float64), scores.ravel().astype(np.float64), names)


def iou(a: Array, b: Array) -> Array:
    """Return the overlap [n, m] of boxes [n, 4] and [m, 4]; an empty box overlaps only with itself."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    union = _areas(a)[:, None] + _areas(b)[None, :] - shared
    same = (a[:, None] == b[None]).all(2)
    return np.asarray(np.where(union > 0, shared / np.where(union > 0, union, 1), same))


def _areas(boxes: Array) -> Array:
    areas: Array = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)
    return areas


def matched(a: Boxes, b: Boxes) -> list[tuple[int, int]]:
    """Return pairs of boxes of one class that overlap by LEAST_IOU or more, the best first, each box once."""
    overlap = iou(a.corners, b.corners)
    overlap[np.array(a.classes, object)[:, None] != np.array(b.classes, object)[None]] = 0
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for place in np.argsort(-overlap, axis=None, kind="stable"):
        i, j = divmod(int(place), overlap.shape[1])
        if not overlap[i, j] >= LEAST_IOU:
            break
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return list(pairs.items())

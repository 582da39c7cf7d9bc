"""Average precision, confusion of digits, and recall on a clip, of answers against truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenes import MIN_VISIBLE, Truth

IOU = 0.5
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answer:
    """One frame's boxes [n, 4], scores [n] and classes [n], strongest first."""

    boxes: Floats
    scores: Floats
    classes: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Result:
    """AP@0.5 per class, the confusion (truth x answer, last column: missed), precision and recall."""

    ap: tuple[float, ...]
    confusion: npt.NDArray[np.int64]
    precision: float
    recall: float

    @property
    def map(self) -> float:
        return float(np.mean(self.ap))


def iou(box: npt.ArrayLike, boxes: Floats) -> Floats:
    """IoU of one box with each of `boxes` [n, 4]."""
    a = np.asarray(box, np.float32)
    shared = np.clip(np.minimum(a[2:], boxes[:, 2:]) - np.maximum(a[:2], boxes[:, :2]), 0, None).prod(1)
    union = (a[2:] - a[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def evaluate(truths: Sequence[Sequence[Truth]], answers: Sequence[Answer], classes: int = 10) -> Result:
    """Score `answers` against `truths`; parcels less visible than MIN_VISIBLE count neither way."""
    confusion = np.zeros((classes, classes + 1), np.int64)
    hits: list[list[tuple[float, bool]]] = [[] for _ in range(classes)]
    wanted = np.zeros(classes, np.int64)
    for truth, answer in zip(truths, answers, strict=True):
        _score_frame(truth, answer, confusion, hits, wanted)
    true_positives = sum(hit for row in hits for _, hit in row)
    found = sum(map(len, hits))
    return Result(
        tuple(_average_precision(row, int(count)) for row, count in zip(hits, wanted, strict=True)),
        confusion,
        true_positives / max(found, 1),
        true_positives / max(int(wanted.sum()), 1),
    )


def _score_frame(
    truth: Sequence[Truth],
    answer: Answer,
    confusion: npt.NDArray[np.int64],
    hits: list[list[tuple[float, bool]]],
    wanted: npt.NDArray[np.int64],
) -> None:
    boxes = np.array([item.box for item in truth], np.float32).reshape(-1, 4)
    real = np.array([item.visible >= MIN_VISIBLE for item in truth], bool)
    taken = np.zeros(len(truth), bool)
    seen_as = np.full(len(truth), confusion.shape[0])
    for box, score, label in zip(answer.boxes, answer.scores, answer.classes, strict=True):
        overlap = iou(box, boxes) if len(boxes) else np.zeros(0, np.float32)
        best = int(np.argmax(np.where(taken, -1, overlap))) if len(boxes) else -1
        matched = best >= 0 and overlap[best] >= IOU and not taken[best]
        if matched:
            taken[best], seen_as[best] = True, label
        if matched and not real[best]:
            continue
        if not matched and (overlap[~real] >= 0.3).any():
            continue
        hits[int(label)].append((float(score), bool(matched and truth[best].label == label)))
    for item, is_real, label in zip(truth, real, seen_as, strict=True):
        if is_real:
            wanted[item.label] += 1
            confusion[item.label, label] += 1


def _average_precision(hits: list[tuple[float, bool]], wanted: int) -> float:
    """Area under the interpolated precision-recall curve."""
    if not hits or not wanted:
        return 0.0
    correct = np.array([hit for _, hit in sorted(hits, reverse=True)], np.float64)
    true = np.cumsum(correct)
    recall, precision = true / wanted, true / np.arange(1, len(true) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * precision))

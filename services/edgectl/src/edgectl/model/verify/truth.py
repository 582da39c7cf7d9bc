"""What is known to be true, held against what a model can answer, as the metrics of its task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from edge_common.manifest import Answer
from edge_common.tensors import Array, TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.verify.classes import class_name, names_classes
from edgectl.model.verify.score import Accuracy, RocAuc, Score
from edgectl.model.verify.score_boxes import MeanPrecision, Truth
from edgectl.model.verify.score_masks import IGNORED, MeanIou

Labels = Mapping[str, Array]
# Of a bare graph; callers who know better say it with `named_by`.
NAME_THEM = "name the classes: --classes labels.txt"
# What a pixel is that counts for nothing in Pascal VOC, Cityscapes and most tools since: a byte has no -1.
_VOID = 255


@contextmanager
def named_by(how: str) -> Iterator[None]:
    """Where classes have no names, say `how` to give some instead of NAME_THEM."""
    try:
        yield
    except ModelError as exc:
        if NAME_THEM not in str(exc):
            raise
        raise ModelError(str(exc).replace(NAME_THEM, f"name the classes: {how}")) from None


def scores_of(answer: Answer, labels: Sequence[str], outputs: Sequence[TensorSpec], truth: Labels) -> list[Score]:
    """Return the metrics that `truth` (name -> array, samples first) allows of a graph with these `outputs`.

    Boxes: mAP@0.5. A mask: mean IoU. A score: ROC AUC. Classes: accuracy, and ROC AUC when there are two.

    Raises:
        ModelError: labels of another kind than the answers, or of a class that the model does not know.
    """
    if answer.boxes:
        return [MeanPrecision(answer, labels, _boxes(labels, truth))]
    if answer.mask:
        return [_masks(answer.mask, labels, truth)]
    if answer.score:
        positive = _binary(labels, _named(truth, "label", 1))
        return [RocAuc(answer.score, positive)]
    if names_classes(answer):
        return _classes(answer, labels, outputs, _named(truth, "label", 1))
    raise ModelError(
        "labels: want to know which output they are of, found no such answer in the bundle; "
        "for a graph say it: --answer probabilities=OUTPUT (or label, score, mask, boxes)"
    )


def _named(truth: Labels, name: str, rank: int) -> Array:
    if name not in truth or truth[name].ndim < rank:
        found = ", ".join(f"'{each}' {list(truth[each].shape)}" for each in truth)
        raise ModelError(f"labels: want an array '{name}' of {rank} or more axes, samples first; found {found}")
    return truth[name]


def _classes(answer: Answer, labels: Sequence[str], outputs: Sequence[TensorSpec], truth: Array) -> list[Score]:
    specs = {spec.name: spec for spec in outputs}
    shares = specs.get(answer.probabilities or answer.scores or "")
    columns = shares.shape[-1] if shares and len(shares.shape) > 1 else -1
    if answer.label and not labels and specs[answer.label].datatype != "BYTES":
        truth = _whole(answer.label, truth)
    known = list(labels) or _numbers(answer, specs, columns, truth)
    names = [_names(labels, known, row, i) for i, row in enumerate(truth)]
    scores: list[Score] = [Accuracy(answer, labels, names)]
    if shares and len(known) == 2 and columns in (1, 2):
        scores.append(RocAuc(shares.name, [np.array([name == known[1] for name in row]) for row in names]))
    return scores


def _numbers(answer: Answer, specs: Mapping[str, TensorSpec], columns: int, truth: Array) -> list[str]:
    """Return the names of classes that only have numbers; none where they cannot be known from outside."""
    known = [str(i) for i in range(max(2, columns) if columns > 0 else 0)]
    if not answer.label:
        return known
    # The model names its classes itself, by words or by numbers of its own such as 10, 20, 30.
    words = specs[answer.label].datatype == "BYTES"
    return known if not words and set(map(str, truth.ravel().tolist())) <= set(known) else []


def _whole(output: str, truth: Array) -> Array:
    """Return the numbers that text files have as text, for an output that names classes by number."""
    if truth.dtype.kind not in "OU":
        return truth
    try:
        return truth.astype(np.int64)
    except (ValueError, OverflowError):
        raise ModelError(f"labels: want numbers as '{output}' has, found text; {NAME_THEM}") from None


def _names(labels: Sequence[str], known: Sequence[str], row: Any, sample: int) -> list[str]:
    """Return the names of one sample's true classes; the unknown one stops it."""
    values = np.asarray(row).ravel().tolist()
    names = [class_name(int(value) if isinstance(value, bool) else value, labels) for value in values]
    if known and (strange := next((name for name in names if name not in known), None)) is not None:
        classes = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        raise ModelError(
            f"labels: sample {sample}: want one of the model's {len(known)} classes ({classes}), "
            f"found {strange!r:.60}; {NAME_THEM}"
        )
    return names


def _binary(labels: Sequence[str], truth: Array) -> list[Array]:
    """Return which rows are anomalous: 1 or true, the second of two labels; or -1, scikit-learn's, beside 1."""
    values = set(truth.ravel().tolist())
    if truth.dtype.kind not in "OU" and values <= {-1, 1}:
        return [np.asarray(row) == -1 for row in truth] if -1 in values else [np.asarray(row) == 1 for row in truth]
    known = list(labels) if len(labels) == 2 else ["0", "1"]
    named = [_names(known if len(labels) == 2 else (), known, row, i) for i, row in enumerate(truth)]
    return [np.array([name == known[1] for name in row]) for row in named]


def _boxes(labels: Sequence[str], truth: Labels) -> list[Truth]:
    boxes, classes = _named(truth, "boxes", 3), _named(truth, "classes", 2)
    if boxes.shape != (*classes.shape, 4):
        raise ModelError(
            f"labels: want boxes [samples, most, 4] and classes [samples, most], "
            f"found {list(boxes.shape)} and {list(classes.shape)}"
        )
    if boxes.dtype.kind not in "iuf" or not np.isfinite(boxes).all():
        raise ModelError(f"labels: boxes: want numbers, x1 y1 x2 y2, found {_strange(boxes)}")
    found = []
    for i, (corners, row) in enumerate(zip(boxes, classes, strict=True)):
        there = np.array([value not in (IGNORED, "", "-1") for value in row.tolist()], bool)
        found.append(Truth(corners[there].astype(np.float64), tuple(_names(labels, labels, row[there], i))))
    return found


def _masks(output: str, labels: Sequence[str], truth: Labels) -> MeanIou:
    masks = _named(truth, "mask" if "mask" in truth else "label", 3)
    if masks.dtype.kind not in "iub" or masks[0].size != masks.shape[-1] * masks.shape[-2]:
        raise ModelError(f"labels: mask: want whole numbers [samples, h, w], found {masks.dtype} {list(masks.shape)}")
    most = len(labels) or _VOID
    void = int(np.count_nonzero(masks == _VOID))
    classes = int(np.max(masks, initial=0, where=masks != _VOID)) + 1
    if (least := int(masks.min(initial=0))) < IGNORED or classes > most:
        found = least if least < IGNORED else classes - 1
        raise ModelError(
            f"labels: mask: want classes 0 to {most - 1}, and {IGNORED} or {_VOID} for none, found {found}"
        )
    flat = [mask.reshape(mask.shape[-2:]) for mask in masks]
    known = [np.where(mask == _VOID, IGNORED, mask.astype(np.int16)) for mask in flat] if void else flat
    remark = f"{void} pixels labelled {_VOID} count for nothing: it is how many tools say that" if void else ""
    return MeanIou(output, len(labels) or classes, known, remark)


def _strange(array: Array) -> str:
    return "NaN or infinity" if array.dtype.kind == "f" else "text"

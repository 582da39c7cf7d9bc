"""Which of the model's outputs a detector's style reads, and whether they can be what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_common.tensors import TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.pick import FLOATS, WHOLES, classes_fit, of, one_frame, picked, shown
from edgectl.model.prepare.after.spec import Boxes

_KEY = "output.boxes"


@dataclass(frozen=True, slots=True)
class Sources:
    """The outputs with `boxes`, which the YOLO styles have all in, and those with `scores` and `classes`.

    Each is of one frame, with or without the batch's axis; `count` is the number of classes, -1 when unknown.
    """

    boxes: TensorSpec
    scores: TensorSpec | None = None
    classes: TensorSpec | None = None
    count: int = -1

    def all(self) -> list[TensorSpec]:
        return [spec for spec in (self.boxes, self.scores, self.classes) if spec is not None]


def sources(spec: Boxes, outputs: Sequence[TensorSpec], labels: Sequence[str]) -> Sources:
    """Return what `spec` reads of `outputs`; raise ModelError for the first that is not there or does not fit."""
    found = _ssd(spec, outputs, labels) if spec.scores is not None else _yolo(spec, outputs, labels)
    # Without the batch's axis the first is that of the boxes.
    for tensor in found.all() if len(found.boxes.shape) == 3 else ():
        one_frame(_KEY, tensor)
    return found


def _yolo(spec: Boxes, outputs: Sequence[TensorSpec], labels: Sequence[str]) -> Sources:
    # Columns before the first class, and where the columns are.
    before, axis, form = {
        "yolo-v5": (5, 2, "[1, boxes, 5 + classes]"),
        "yolo-v8": (4, 1, "[1, 4 + classes, boxes]"),
    }.get(spec.style, (5, 2, "[1, boxes, 6]"))
    tensor = picked(outputs, f"{_KEY}.from", spec.source, of(FLOATS, 3), f"an output of floats {form}")
    extent = tensor.shape[axis]
    if spec.style == "yolo-v10":
        if extent not in (-1, 6):
            raise ModelError(f"{_KEY}.from: want {form} for style 'yolo-v10', found {shown(tensor)}")
        return Sources(tensor)
    count = -1 if extent < 0 else extent - before - spec.first_class
    if extent >= 0 and count < 1:
        raise ModelError(f"{_KEY}.from: want {form} for style {spec.style!r}, found {shown(tensor)}")
    classes_fit(f"{_KEY}.from", tensor, count, labels, f"style {spec.style!r} reads {form}")
    return Sources(tensor, count=count)


def _ssd(spec: Boxes, outputs: Sequence[TensorSpec], labels: Sequence[str]) -> Sources:
    key = f"{_KEY}.from"
    boxes = picked(outputs, key, spec.source, _boxes, "an output of floats [1, boxes, 4]")
    ranks = (1, 2) if spec.class_given else (2, 3)
    form = "[1, boxes]" if spec.class_given else "[1, boxes, classes]"
    scores = picked(outputs, f"{_KEY}.scores", spec.scores, of(FLOATS, *ranks), f"an output of floats {form}")
    _same_axes(f"{_KEY}.scores", boxes, scores, form, 1 if spec.class_given else 0)
    if spec.classes is not None:
        fits = of((*FLOATS, *WHOLES), 1, 2)
        classes = picked(outputs, f"{_KEY}.classes", spec.classes, fits, f"an output of numbers {form}")
        _same_axes(f"{_KEY}.classes", boxes, classes, form, 1)
        return Sources(boxes, scores, classes)
    count = scores.shape[-1] if scores.shape[-1] < 0 else scores.shape[-1] - spec.first_class
    note = "first_class says how many columns are no class of labels.txt"
    classes_fit(f"{_KEY}.scores", scores, count, labels, note)
    if count == 0 or count < -1:
        raise ModelError(f"{_KEY}.first_class: want fewer than {shown(scores)} has columns, found {spec.first_class}")
    return Sources(boxes, scores, count=count)


def _boxes(tensor: TensorSpec) -> bool:
    return tensor.datatype in FLOATS and len(tensor.shape) in (2, 3) and tensor.shape[-1] in (-1, 4)


def _same_axes(key: str, boxes: TensorSpec, other: TensorSpec, form: str, fewer: int) -> None:
    """Raise ModelError unless `other` has `fewer` axes than `boxes`, and as many boxes as far as both are fixed."""
    batched = len(boxes.shape) == 3
    extents = {boxes.shape[-2], other.shape[1 if batched and len(other.shape) > 1 else 0]} - {-1}
    if len(boxes.shape) - len(other.shape) != fewer or len(extents) > 1:
        raise ModelError(f"{key}: want {form} as '{boxes.name}' is {list(boxes.shape)}, found {shown(other)}")

"""The answers in a model's reply. Whatever does not fit together is an error, never "nothing seen"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edge_camera.card import AnswerError, Card

Outputs = Mapping[str, npt.NDArray[Any]]
_Floats = npt.NDArray[np.float64]

# More answers than this in one frame are cut off: a broken threshold must not fill the uplink.
MAX_ANSWERS = 200


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One thing seen: `box` is x1, y1, x2, y2 in pixels of the camera's own frame, None for a whole frame.

    `track` is the id it keeps while it stays in the picture.
    """

    label: str
    score: float
    box: tuple[float, float, float, float] | None
    track: str | msgspec.UnsetType = msgspec.UNSET


def read_answers(card: Card, outputs: Outputs, scale: float, size: tuple[int, int]) -> list[Answer]:
    """Read a reply's tensors as answers, best score first.

    Wanted are boxes [n, 4], scores [n] and classes [n], or probabilities [classes], each also with a leading
    batch of one; scores are floats, classes whole numbers, and every value is finite. `scale` is sent pixels
    per pixel of the frame, `size` the frame's width and height: boxes are scaled back and cut at its edge.

    Raises:
        AnswerError: an output is missing, or anything else is not so.
    """
    missing = [name for name in card.outputs if name not in outputs]
    if missing:
        raise AnswerError(f"reply: want outputs {card.outputs}, found {sorted(outputs)}")
    scores = _floats(card.scores, outputs, "f", rank=1)
    if card.boxes is None or card.classes is None:
        return [_best_class(card, scores)]
    boxes = _floats(card.boxes, outputs, "iuf", rank=2)
    classes = _floats(card.classes, outputs, "iuf", rank=1)
    if boxes.shape != (len(scores), 4) or len(classes) != len(scores):
        raise AnswerError(f"reply: {len(scores)} scores, {len(classes)} classes, boxes {list(boxes.shape)}")
    if (classes != np.floor(classes)).any():
        raise AnswerError(f"reply: output {card.classes}: want whole numbers, found fractions")
    boxes = _to_frame(boxes, scale, size)
    order = np.argsort(-scores, kind="stable")[:MAX_ANSWERS]
    return [
        Answer(label=_label(card, int(classes[i])), score=_score(scores[i]), box=tuple(boxes[i].tolist()))
        for i in order
    ]


def _floats(name: str, outputs: Outputs, kinds: str, rank: int) -> _Floats:
    """Return an output as float64 of `rank` axes, without its batch of one."""
    array = outputs[name]
    if array.dtype.kind not in kinds:
        raise AnswerError(f"reply: output {name}: want numbers, found {array.dtype}")
    if array.ndim == rank + 1 and len(array) == 1:
        array = array[0]
    if array.ndim != rank:
        raise AnswerError(f"reply: output {name}: want {rank} axes, found {list(array.shape)}")
    floats = array.astype(np.float64)
    if not np.isfinite(floats).all():
        raise AnswerError(f"reply: output {name}: want finite values, found NaN or infinity")
    return floats


def _best_class(card: Card, scores: _Floats) -> Answer:
    if not scores.size:
        raise AnswerError(f"reply: output {card.scores}: want one score a class, found none")
    best = int(np.argmax(scores))
    return Answer(label=_label(card, best), score=_score(scores[best]), box=None)


def _to_frame(boxes: _Floats, scale: float, size: tuple[int, int]) -> _Floats:
    width, height = size
    limits = np.array([width, height, width, height], dtype=np.float64)
    # Cut before scaling: what is far outside would overflow.
    cut: _Floats = np.clip(boxes, 0.0, limits * scale) / scale
    return cut.round(1)


def _label(card: Card, index: int) -> str:
    return card.labels[index] if 0 <= index < len(card.labels) else f"class {index}"


def _score(value: np.float64) -> float:
    return round(float(value), 4)

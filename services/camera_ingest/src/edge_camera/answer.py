"""What a model's outputs mean, as its metadata tells, and the answers read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Outputs = Mapping[str, npt.NDArray[Any]]

# More answers than this in one frame are cut off: a broken threshold must not fill the uplink.
MAX_ANSWERS = 200


class AnswerError(ValueError):
    """The model or its reply cannot be read by this client; the text names what was wanted and what came."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One thing seen: `box` is x1, y1, x2, y2 in pixels of the camera's own frame, None for a whole frame."""

    label: str
    score: float
    box: tuple[float, float, float, float] | None


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    versions: list[str]
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    parameters: dict[str, str | int | float | bool] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How to ask one version of a model, and how to read it."""

    version: str
    image_input: str
    batched: bool
    max_side: int | None
    boxes: str | None
    scores: str
    classes: str | None
    labels: tuple[str, ...]

    @property
    def outputs(self) -> list[str]:
        """The outputs to ask for."""
        return [name for name in (self.boxes, self.scores, self.classes) if name is not None]


def read_card(body: bytes) -> Card:
    """Read the answer to `GET /v2/models/{m}`.

    Raises:
        AnswerError: not such a document, or a model that does not take pictures.
    """
    try:
        meta = msgspec.json.decode(body, type=_Metadata)
    except msgspec.DecodeError as exc:
        raise AnswerError(f"model metadata: {exc}") from None
    words = {key: str(value) for key, value in meta.parameters.items()}
    task, image = words.get("task", ""), words.get("image_input", "")
    if task not in {"detection", "classification"}:
        raise AnswerError(f"model {meta.name}: want task detection or classification, found {task!r}")
    shape = {tensor.name: tensor.shape for tensor in meta.inputs}.get(image)
    if shape is None or len(shape) not in {3, 4}:
        raise AnswerError(f"model {meta.name}: want an image input [n, h, w, 3], found {image!r} {shape}")
    return Card(
        version=meta.versions[-1] if meta.versions else "",
        image_input=image,
        batched=len(shape) == 4,
        max_side=_whole(words.get("image_max_side")),
        boxes=_output(meta, words, "answer_boxes") if task == "detection" else None,
        scores=_output(meta, words, "answer_scores" if task == "detection" else "answer_probabilities"),
        classes=_output(meta, words, "answer_classes") if task == "detection" else None,
        labels=tuple(words["labels"].split(",")) if words.get("labels") else (),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() and int(text) > 0 else None


def _output(meta: _Metadata, words: Mapping[str, str], key: str) -> str:
    name = words.get(key, "")
    if name not in {tensor.name for tensor in meta.outputs}:
        raise AnswerError(f"model {meta.name}: parameter {key}: want one of its outputs, found {name!r}")
    return name


def read_answers(card: Card, outputs: Outputs, scale: float, size: tuple[int, int]) -> list[Answer]:
    """Read a reply's tensors as answers, best score first.

    `scale` is sent pixels per pixel of the frame, `size` the frame's width and height: boxes are scaled back
    and cut at the frame's edge.

    Raises:
        AnswerError: an output is missing, or shapes do not fit together.
    """
    missing = [name for name in card.outputs if name not in outputs]
    if missing:
        raise AnswerError(f"reply: want outputs {card.outputs}, found {sorted(outputs)}")
    scores = np.asarray(outputs[card.scores], dtype=np.float64)
    if card.boxes is None or card.classes is None:
        return _best_class(card, scores.reshape(-1))
    boxes = np.asarray(outputs[card.boxes], dtype=np.float64)
    classes = np.asarray(outputs[card.classes])
    scores, classes = scores.reshape(-1), classes.reshape(-1)
    if boxes.size != 4 * len(scores) or len(classes) != len(scores):
        raise AnswerError(f"reply: {len(scores)} scores, {len(classes)} classes, boxes {list(boxes.shape)}")
    boxes = _to_frame(boxes.reshape(-1, 4), scale, size)
    order = np.argsort(-scores, kind="stable")[:MAX_ANSWERS]
    return [
        Answer(label=_label(card, int(classes[i])), score=_score(scores[i]), box=tuple(boxes[i].tolist()))
        for i in order
        if np.isfinite(scores[i]) and np.isfinite(boxes[i]).all()
    ]


def _best_class(card: Card, scores: npt.NDArray[np.float64]) -> list[Answer]:
    if scores.size == 0 or not np.isfinite(scores).all():
        raise AnswerError("reply: want one finite score a class, found none or NaN")
    best = int(np.argmax(scores))
    return [Answer(label=_label(card, best), score=_score(scores[best]), box=None)]


def _to_frame(boxes: npt.NDArray[np.float64], scale: float, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    width, height = size
    limits = np.array([width, height, width, height], dtype=np.float64)
    cut: npt.NDArray[np.float64] = np.clip(boxes / scale, 0.0, limits)
    return cut.round(1)


def _label(card: Card, index: int) -> str:
    return card.labels[index] if 0 <= index < len(card.labels) else f"class {index}"


def _score(value: np.float64) -> float:
    return round(float(value), 4)

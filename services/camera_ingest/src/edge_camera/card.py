"""What a model's outputs mean, as its metadata tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

T = TypeVar("T")

# No tensor of a picture or an answer has more axes; numpy itself ends at 64.
Shape = Annotated[list[int], msgspec.Meta(max_length=8)]
# It stands in every event.
Version = Annotated[str, msgspec.Meta(max_length=128)]
_SIDE = re.compile(r"[1-9][0-9]{0,5}")


class AnswerError(ValueError):
    """The model or its reply cannot be read by this client; the text names what was wanted and what came."""


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    shape: Shape


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    versions: list[Version]
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    parameters: dict[str, Any] = {}


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


def decode(body: bytes | memoryview, kind: type[T], what: str) -> T:
    """Read JSON as a `kind`, or raise AnswerError that begins with `what`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise AnswerError(f"{what}: {exc}") from None


def read_card(body: bytes) -> Card:
    """Read the answer to `GET /v2/models/{m}`.

    Raises:
        AnswerError: not such a document, or a model that does not take pictures.
    """
    meta = decode(body, _Metadata, "model metadata")
    words = {key: value for key, value in meta.parameters.items() if isinstance(value, str)}
    task, image = words.get("task", ""), words.get("image_input", "")
    if task not in {"detection", "classification"}:
        raise AnswerError(f"model {meta.name}: want task detection or classification, found {task!r:.60}")
    shape = {tensor.name: tensor.shape for tensor in meta.inputs}.get(image)
    if shape is None or len(shape) not in {3, 4}:
        raise AnswerError(f"model {meta.name}: want an image input [n, h, w, 3], found {image!r:.60} {shape}")
    detects = task == "detection"
    return Card(
        version=meta.versions[-1] if meta.versions else "",
        image_input=image,
        batched=len(shape) == 4,
        max_side=_max_side(meta),
        boxes=_output(meta, words, "answer_boxes") if detects else None,
        scores=_output(meta, words, "answer_scores" if detects else "answer_probabilities"),
        classes=_output(meta, words, "answer_classes") if detects else None,
        labels=tuple(words["labels"].split("\n")) if words.get("labels") else (),
    )


def _max_side(meta: _Metadata) -> int | None:
    text = meta.parameters.get("image_max_side")
    if text is None:
        return None
    if not isinstance(text, str) or not _SIDE.fullmatch(text):
        raise AnswerError(f"model {meta.name}: parameter image_max_side: want 1 to 999999, found {text!r:.60}")
    return int(text)


def _output(meta: _Metadata, words: Mapping[str, str], key: str) -> str:
    name = words.get(key, "")
    if name not in {tensor.name for tensor in meta.outputs}:
        raise AnswerError(f"model {meta.name}: parameter {key}: want one of its outputs, found {name!r:.60}")
    return name

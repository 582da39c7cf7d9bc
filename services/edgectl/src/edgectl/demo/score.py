"""Detections against the clip's truth: precision and recall at IoU 0.5 and the same label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_common.errors import StartError

MIN_IOU = 0.5

Box = tuple[float, float, float, float]


class Found(msgspec.Struct, frozen=True):
    """One answer of the model."""

    label: str
    score: float
    box: Box


class Answered(msgspec.Struct, frozen=True):
    """One line of the answers file: a frame that was asked about."""

    seq: int
    state: str
    answers: list[Found]


class Thing(msgspec.Struct, frozen=True):
    """One object that is there; `ignore` ones (half hidden, half out of the picture) count neither way."""

    label: str
    box: Box
    ignore: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over all asked frames; objects of a frame that was lost are missed."""

    frames: int
    hits: int
    false_alarms: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of answers that are right; 0 without answers."""
        return self.hits / max(1, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of objects that were found; 0 without objects."""
        return self.hits / max(1, self.hits + self.missed)


def read_answers(path: Path) -> list[Answered]:
    """Read the file that `edge-camera --answers` wrote."""
    decoder = msgspec.json.Decoder(Answered)
    return [decoder.decode(line) for line in path.read_bytes().splitlines()]


def read_truth(path: Path) -> dict[int, list[Thing]]:
    """Read a clip's truth, one frame a line; return the objects by frame number.

    Raises:
        StartError: unreadable, or a line that is not such an object.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise StartError(f"{path}: {exc.strerror}; `make models` writes it") from None
    return dict(_truth_line(path, number, line) for number, line in enumerate(lines, 1))


def _truth_line(path: Path, number: int, line: bytes) -> tuple[int, list[Thing]]:
    try:
        frame = msgspec.json.decode(line, type=_TruthLine)
    except msgspec.DecodeError as exc:
        raise StartError(f"{path}: line {number}: {exc}") from None
    return frame.seq, frame.objects


class _TruthLine(msgspec.Struct, frozen=True):
    seq: int
    objects: list[Thing]


def score(answered: Iterable[Answered], truth: Mapping[int, Sequence[Thing]]) -> Score:
    """Match every frame's answers, best first, with its objects, each object once."""
    frames = hits = false_alarms = missed = 0
    for frame in answered:
        right, wrong, unseen = match(frame.answers, truth.get(frame.seq, ()))
        frames, hits = frames + 1, hits + right
        false_alarms, missed = false_alarms + wrong, missed + unseen
    return Score(frames, hits, false_alarms, missed)


def match(answers: Sequence[Found], things: Sequence[Thing]) -> tuple[int, int, int]:
    """Return (hits, false alarms, missed) of one frame."""
    open_things = [thing for thing in things if not thing.ignore]
    ignored = [thing for thing in things if thing.ignore]
    hits = wrong = 0
    for answer in sorted(answers, key=lambda a: -a.score):
        same = [thing for thing in open_things if thing.label == answer.label]
        best = max(same, key=lambda thing: iou(answer.box, thing.box), default=None)
        if best is not None and iou(answer.box, best.box) >= MIN_IOU:
            open_things.remove(best)
            hits += 1
        elif not any(iou(answer.box, thing.box) >= MIN_IOU for thing in ignored):
            wrong += 1
    return hits, wrong, len(open_things)


def iou(a: Box, b: Box) -> float:
    """Return the area of the boxes' overlap over the area of their union; 0 for empty boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
    return overlap / union

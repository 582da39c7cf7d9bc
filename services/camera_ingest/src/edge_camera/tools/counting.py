"""What is in a spool, counted in one pass and in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from edge_camera.reservoir import Reservoir
from edge_camera.tools.choose import Moment
from edge_camera.tools.gaps import Gaps

# Names come from a config and a model, and both change over the years of a spool; what is past these is counted as left
# out. With 2,000 scores a class this is at most some 100 MB, with the few classes of a real model under one.
MAX_CAMERAS = 256
MAX_CLASSES = 1000
MAX_CELLS = 100_000
_SCORES = 2000
BINS = 20
# Things that a tracker follows at a time, twice: what is among them has been counted.
_TRACKS = 1000

Kind = Literal["detection", "summary", "state", "alert"]
State = Literal["ok", "timeout", "rejected", "error", "stale", "no_frame"]
Name = Annotated[str, msgspec.Meta(max_length=256)]


class Answer(msgspec.Struct, frozen=True):
    """Of an answer, what is counted."""

    label: Name
    score: float
    track: Name | None = None


class FrameNumber(msgspec.Struct, frozen=True):
    """The frame's number at its source."""

    seq: int


class Told(msgspec.Struct, frozen=True):
    """Of an event, what is counted."""

    camera: Name
    kind: Kind
    state: State
    captured_at: Moment
    answers: list[Answer]
    frame: FrameNumber | None = None


class CameraCount:
    """One camera's events. `last` is the newest time of a frame, or of what was told without one."""

    def __init__(self, first: datetime, longest: timedelta) -> None:
        self.first = self.last = first
        self.kinds: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.gaps = Gaps(longest, first)
        self._seq = -1
        self._tracks: dict[str, None] = {}

    def add(self, event: Told) -> None:
        """Count one event."""
        self.first, self.last = min(self.first, event.captured_at), max(self.last, event.captured_at)
        self.kinds[event.kind] += 1
        if event.kind == "detection":
            self.states[event.state] += 1
        if event.kind in {"detection", "alert"}:
            self.gaps.told(event.captured_at)

    def is_new(self, answer: Answer, seq: int) -> bool:
        """Return True when this is not a thing that was told of before; without an id every answer is new."""
        if seq < self._seq:
            # The source began anew: ids may count from 1 again.
            self._tracks.clear()
        self._seq = seq
        if answer.track is None:
            return True
        known = answer.track in self._tracks
        self._tracks.pop(answer.track, None)
        self._tracks[answer.track] = None
        if len(self._tracks) > _TRACKS:
            del self._tracks[next(iter(self._tracks))]
        return not known


@dataclass(slots=True)
class ClassCount:
    """One class of one camera: things seen, and the scores of every answer told; `bins` counts them from 0 to 1."""

    seen: int = 0
    scores: Reservoir = field(default_factory=lambda: Reservoir(_SCORES))
    bins: list[int] = field(default_factory=lambda: [0] * BINS)

    def answer(self, score: float) -> None:
        """Count one answer."""
        self.scores.add(score)
        self.bins[min(BINS - 1, int(min(max(score, 0.0), 1.0) * BINS))] += 1


class Counting:
    """Everything that `analyse` tells, by camera, by (camera, class), and by (hour, camera, class)."""

    def __init__(self, longest: timedelta) -> None:
        self._longest = longest
        self._decoder = msgspec.json.Decoder(Told)
        self.events = self.unreadable = self.left_out = 0
        self.cameras: dict[str, CameraCount] = {}
        self.classes: dict[tuple[str, str], ClassCount] = {}
        self.hours: Counter[tuple[datetime, str, str]] = Counter()

    def add(self, line: bytes) -> None:
        """Count one event; what is none is counted as unreadable."""
        try:
            event = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1
            return
        self.events += 1
        camera = self.cameras.get(event.camera)
        if camera is None:
            if len(self.cameras) >= MAX_CAMERAS:
                self.left_out += 1
                return
            camera = self.cameras[event.camera] = CameraCount(event.captured_at, self._longest)
        camera.add(event)
        if event.kind == "detection" and event.answers:
            self._answers(event, camera)

    def _answers(self, event: Told, camera: CameraCount) -> None:
        hour = event.captured_at.replace(minute=0, second=0, microsecond=0)
        seq = -1 if event.frame is None else event.frame.seq
        for answer in event.answers:
            new = camera.is_new(answer, seq)
            key, cell = (event.camera, answer.label), (hour, event.camera, answer.label)
            count = self.classes.get(key)
            if count is None:
                if len(self.classes) >= MAX_CLASSES:
                    self.left_out += 1
                    continue
                count = self.classes[key] = ClassCount()
            count.answer(answer.score)
            if not new:
                continue
            count.seen += 1
            if cell in self.hours or len(self.hours) < MAX_CELLS:
                self.hours[cell] += 1
            else:
                self.left_out += 1

    def finish(self) -> None:
        """The spool is at its end: a camera that has told nothing for long has a gap up to here."""
        newest = max((camera.last for camera in self.cameras.values()), default=None)
        if newest is not None:
            for camera in self.cameras.values():
                camera.gaps.told(newest)

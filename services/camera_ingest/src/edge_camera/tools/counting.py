"""What is in a spool, counted in one pass and in bounded memory."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from edge_camera.reservoir import Reservoir
from edge_camera.tools.choose import Moment
from edge_camera.tools.gaps import Gaps
from edge_camera.tools.things import Thing, Things

# Names come from a config and a model, and both change over the years of a spool; what is past these is counted as left
# out. With 2,000 scores a class this is at most some 100 MB, with the few classes of a real model under one.
# Things that may be told of again take 0.4 MB a camera; a 256 MB spool made to take the most took 215 MB.
MAX_CAMERAS = 256
MAX_CLASSES = 1000
MAX_CELLS = 100_000
_SCORES = 2000
BINS = 20
# Stands where a camera's name stands in an event of the whole process (edge_camera.events has it too, and prometheus).
POD = "_pod"

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
        self.things = Things()

    def add(self, event: Told) -> None:
        """Count one event."""
        self.first, self.last = min(self.first, event.captured_at), max(self.last, event.captured_at)
        self.kinds[event.kind] += 1
        if event.kind == "detection":
            self.states[event.state] += 1
        if event.kind in {"detection", "alert"}:
            self.gaps.told(event.captured_at)


@dataclass(slots=True)
class ClassCount:
    """One class of one camera: things that are of it, and the scores of every answer that names it.

    `bins` counts the scores from 0 to 1. A class that never had most answers about a thing has not been seen.
    """

    seen: int = 0
    scores: Reservoir = field(default_factory=lambda: Reservoir(_SCORES))
    bins: list[int] = field(default_factory=lambda: [0] * BINS)

    def answer(self, score: float) -> None:
        """Count one answer."""
        self.scores.add(score)
        self.bins[min(BINS - 1, int(min(max(score, 0.0), 1.0) * BINS))] += 1


class Counting:
    """Everything that `analyse` tells, by camera, by (camera, class), and by (hour, camera, class).

    What was seen is whole after `finish`: a thing's class is known when no more answers about it come.
    `pod_events` tell of the process itself, and of no camera.
    """

    def __init__(self, longest: timedelta) -> None:
        self._longest = longest
        self._decoder = msgspec.json.Decoder(Told)
        self.events = self.pod_events = self.unreadable = self.left_out = 0
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
        if event.camera == POD:
            self.pod_events += 1
            return
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
        self._see(event.camera, camera.things.at_frame(-1 if event.frame is None else event.frame.seq))
        for answer in event.answers:
            count = self._class(event.camera, answer.label)
            if count is None:
                self.left_out += 1
                continue
            count.answer(answer.score)
            # One string for all things of a class.
            label = sys.intern(answer.label)
            if answer.track is None:
                self._see(event.camera, [Thing(hour, label, answer.score)])
            else:
                self._see(event.camera, camera.things.answer(answer.track, hour, label, answer.score))

    def _class(self, camera: str, label: str) -> ClassCount | None:
        count = self.classes.get((camera, label))
        if count is None and len(self.classes) < MAX_CLASSES:
            count = self.classes[camera, label] = ClassCount()
        return count

    def _see(self, camera: str, things: list[Thing]) -> None:
        """Count things about which no more answers come."""
        for thing in things:
            label = thing.label
            self.classes[camera, label].seen += 1
            cell = (thing.hour, camera, label)
            if cell in self.hours or len(self.hours) < MAX_CELLS:
                self.hours[cell] += 1
            else:
                self.left_out += 1

    def finish(self) -> None:
        """The spool is at its end: a camera that has told nothing for long has a gap up to here."""
        for name, camera in self.cameras.items():
            self._see(name, camera.things.end())
        newest = max((camera.last for camera in self.cameras.values()), default=None)
        if newest is not None:
            for camera in self.cameras.values():
                camera.gaps.told(newest)

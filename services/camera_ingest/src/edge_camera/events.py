"""Events: what leaves the gateway, as docs/event.schema.json describes it."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from typing import Literal

import msgspec

from edge_camera.alerts import Fired
from edge_camera.answer import Answer
from edge_camera.client import Reply, State
from edge_camera.frame import Frame
from edge_camera.metrics import CameraState, Reloaded
from edge_camera.record import Totals

Priority = Literal["high", "normal", "low"]
Kind = Literal["detection", "summary", "state", "alert"]

# Stands where a camera's name stands in an event of the whole process; no camera can be called so.
POD = "_pod"
# A longer reason is cut.
_MAX_DETAIL = 500


class FrameInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The frame's own size in pixels (boxes are in these) and its number at its source."""

    w: int
    h: int
    seq: int


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Percentiles in milliseconds; null while there is no value."""

    p50: float | None
    p95: float | None
    p99: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How some values were spread; null while there is none."""

    mean: float | None
    p50: float | None
    p95: float | None
    max: float | None


class Summary(Totals, frozen=True, kw_only=True):
    """What a camera did since its last summary, over every answered frame: answers by label, and their scores.

    A parcel seen in 40 frames is 40 answers here. Ages are in milliseconds.
    """

    window_s: float
    answers: dict[str, int]
    scores: dict[str, Figures]
    age_ms: Figures


class AlertInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule fired, on what, with what score, and since when that has been seen.

    `snapshot`: name of its picture in the snapshots' folder; `jpeg`: the picture itself, as base64.
    """

    rule: str
    label: str
    score: float
    since: str
    snapshot: str | msgspec.UnsetType = msgspec.UNSET
    jpeg: str | msgspec.UnsetType = msgspec.UNSET


class ConfigInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a new config, and why or what differs."""

    outcome: Reloaded
    detail: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event; fields without a meaning for a kind are null, the last five are there for their kind only."""

    id: str
    gateway: str
    camera: str
    kind: Kind
    state: State
    captured_at: str
    clock_synced: bool
    age_ms: float | None
    model: str | None
    model_version: str | None
    frame: FrameInfo | None
    answers: list[Answer]
    priority: Priority
    summary: Summary | msgspec.UnsetType = msgspec.UNSET
    camera_state: CameraState | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    alert: AlertInfo | msgspec.UnsetType = msgspec.UNSET
    config: ConfigInfo | msgspec.UnsetType = msgspec.UNSET

    def line(self) -> bytes:
        """Return the event as one JSON object without a newline."""
        return msgspec.json.encode(self)


def new_id(wall: float) -> str:
    """Return a UUID of version 7: unique, and in the order of `wall` (epoch seconds) to the millisecond."""
    value = int(wall * 1000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def timestamp(wall: float) -> str:
    """Return epoch seconds as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EventMaker:
    """Make one camera's events."""

    def __init__(self, gateway: str, camera: str, model: str) -> None:
        self._gateway, self._camera, self._model = gateway, camera, model

    def detection(self, frame: Frame, reply: Reply) -> Event:
        """What was seen in `frame`, or why nothing can be said about it."""
        return self._of_frame("detection", frame, reply, "low")

    def alert(self, frame: Frame, reply: Reply, fired: Fired) -> Event:
        """A rule fired at `frame`."""
        event = self._of_frame("alert", frame, reply, "high")
        found = AlertInfo(rule=fired.rule, label=fired.label, score=fired.score, since=timestamp(fired.since))
        return msgspec.structs.replace(event, alert=found)

    def _of_frame(self, kind: Kind, frame: Frame, reply: Reply, priority: Priority) -> Event:
        width, height = frame.size
        return Event(
            id=new_id(frame.stamp.wall),
            gateway=self._gateway,
            camera=self._camera,
            kind=kind,
            state=reply.state,
            captured_at=timestamp(frame.stamp.wall),
            clock_synced=frame.stamp.clock_synced,
            age_ms=round(reply.age_s * 1000, 1),
            model=self._model,
            model_version=reply.model_version,
            frame=FrameInfo(w=width, h=height, seq=frame.seq),
            answers=list(reply.answers),
            priority=priority,
        )

    def camera_state(self, wall: float, synced: bool, entered: CameraState, reason: str = "") -> Event:
        """The camera has entered a state, for a `reason` where it has one; while frames come, `state` is ok."""
        gone = entered in {CameraState.CONNECTING, CameraState.STALLED, CameraState.DOWN}
        event = self._bare("state", State.NO_FRAME if gone else State.OK, wall, synced, "high")
        return msgspec.structs.replace(event, camera_state=entered, reason=reason or msgspec.UNSET)

    def config(self, wall: float, synced: bool, outcome: Reloaded, detail: str) -> Event:
        """A changed config was applied, or refused and the old one goes on."""
        info = ConfigInfo(outcome=outcome, detail=detail[:_MAX_DETAIL])
        return msgspec.structs.replace(self._bare("state", State.OK, wall, synced, "high"), config=info)

    def summary(self, wall: float, synced: bool, state: State, summary: Summary) -> Event:
        """What the camera did in the window that ends at `wall`; `state` is how its last question ended."""
        event = self._bare("summary", state, wall, synced, "normal")
        return msgspec.structs.replace(event, summary=summary)

    def _bare(self, kind: Kind, state: State, wall: float, synced: bool, priority: Priority) -> Event:
        return Event(
            id=new_id(wall),
            gateway=self._gateway,
            camera=self._camera,
            kind=kind,
            state=state,
            captured_at=timestamp(wall),
            clock_synced=synced,
            age_ms=None,
            model=self._model,
            model_version=None,
            frame=None,
            answers=[],
            priority=priority,
        )


class Changes:
    """Decide which frames become detection events: on change, and again after `keepalive_s`.

    A change is another state, or something that came or went: boxes that move, and labels that flicker, are not one.
    Answers without an id (about a whole frame) are told apart by their label.
    """

    def __init__(self, keepalive_s: float) -> None:
        self._keepalive_s = keepalive_s
        self._last: tuple[State, Counter[str]] | None = None
        self._told = 0.0

    def worth_telling(self, reply: Reply, now: float) -> bool:
        """Return True when the reply is to be sent; `now` is monotonic."""
        seen = (reply.state, Counter(_identity(answer) for answer in reply.answers))
        if seen == self._last and now - self._told < self._keepalive_s:
            return False
        self._last, self._told = seen, now
        return True


def _identity(answer: Answer) -> str:
    return f"label {answer.label}" if isinstance(answer.track, msgspec.UnsetType) else f"track {answer.track}"

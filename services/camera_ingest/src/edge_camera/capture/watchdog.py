"""When a child has had its time: pure decisions, from moments and sizes that are handed in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_camera.capture.messages import Reason


class Reception(StrEnum):
    """How the camera does, seen from its reader; a subset of the pod's camera states."""

    CONNECTING = "connecting"
    OK = "ok"
    STALLED = "stalled"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds and MiB; `open_timeout_s` counts from the child's start, its loading of OpenCV included."""

    open_timeout_s: float = 15.0
    read_timeout_s: float = 5.0
    stalled_after_s: float = 3.0
    max_child_mb: int = 512


@dataclass(slots=True)
class Watchdog:
    """One attempt: from the child's start over its opening to its last frame."""

    limits: Limits
    started: float
    last: float | None = None

    def open(self, now: float) -> None:
        """The child has opened the camera: the first frame is due within the read timeout."""
        self.last = now

    def frame(self, now: float) -> None:
        """A frame came."""
        self.last = now

    def stalled(self, now: float) -> bool:
        """Return True when an open stream has brought nothing for `stalled_after_s`."""
        return self.last is not None and now - self.last >= self.limits.stalled_after_s

    def verdict(self, now: float, resident_mb: float) -> Reason | None:
        """Return why the child must end now; None when it may go on."""
        if resident_mb > self.limits.max_child_mb:
            return Reason.MEMORY
        if self.last is None:
            return Reason.OPEN_TIMEOUT if now - self.started >= self.limits.open_timeout_s else None
        return Reason.READ_TIMEOUT if now - self.last >= self.limits.read_timeout_s else None

    def due(self, now: float, longest: float) -> float:
        """Return the seconds until the next moment at which something may change, at most `longest`."""
        if self.last is None:
            ends = [self.started + self.limits.open_timeout_s]
        else:
            ends = [self.last + self.limits.stalled_after_s, self.last + self.limits.read_timeout_s]
        return min([longest, *(end - now for end in ends if end > now)])


class Report:
    """Which state an event leads to. It tells what is known, so it does not flicker with every attempt.

    Only a frame leads out of down: a camera that opens and then gives nothing, at every attempt, stays down.
    """

    def __init__(self) -> None:
        self.state = Reception.CONNECTING

    def frame(self) -> Reception:
        """A frame came."""
        self.state = Reception.OK
        return self.state

    def silent(self) -> Reception:
        """An open stream brings nothing."""
        if self.state is not Reception.DOWN:
            self.state = Reception.STALLED
        return self.state

    def ended(self, *, had_frames: bool) -> Reception:
        """An attempt is over. One that never brought a frame means down; a good stream that broke is tried first."""
        if not had_frames:
            self.state = Reception.DOWN
        elif self.state is Reception.OK:
            self.state = Reception.CONNECTING
        return self.state

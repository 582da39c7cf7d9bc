"""A camera's books: every frame ends in exactly one place, and the sums close.

captured = replaced + motion + fps + sent (+ at most one frame in the slot and one in hand, until the end), and
sent = answered + lost by cause. A picture that could not be decoded never was a frame: `decode` stands apart.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

import msgspec

from edge_camera.frame import Frame
from edge_camera.metrics import CameraState, Cause, Metrics, Outcome
from edge_camera.reservoir import Reservoir, percentiles

# Answers over which the page's "now" figures are taken: some seconds at usual rates.
RECENT = 64
# Percentiles of the page are at most this old: they cost a sort of 20,000 numbers, and pages poll.
FRESH_S = 1.0
# Changes of state that wait to be told; the worker tells them at least once a second.
MAX_ENTERED = 32


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's counts at one moment, or over a window."""

    captured: int
    replaced: int
    motion: int
    fps: int
    sent: int
    answered: int
    lost: dict[str, int]

    def since(self, earlier: Totals) -> Totals:
        """Return what was counted after `earlier`."""
        return Totals(
            captured=self.captured - earlier.captured,
            replaced=self.replaced - earlier.replaced,
            motion=self.motion - earlier.motion,
            fps=self.fps - earlier.fps,
            sent=self.sent - earlier.sent,
            answered=self.answered - earlier.answered,
            lost={cause: count - earlier.lost[cause] for cause, count in self.lost.items()},
        )


@dataclass(slots=True)
class Record:
    """Count one camera's frames, for Prometheus and exactly; called by its reader and its worker thread."""

    camera: str
    metrics: Metrics
    frame_age: Reservoir = field(default_factory=Reservoir)
    inference: Reservoir = field(default_factory=Reservoir)
    state: CameraState = CameraState.CONNECTING
    recent: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=RECENT))
    _source: CameraState = CameraState.CONNECTING
    _picture: CameraState = CameraState.OK
    reason: str = ""
    _entered: deque[tuple[CameraState, str]] = field(default_factory=lambda: deque(maxlen=MAX_ENTERED))
    _frames: Counter[Outcome] = field(default_factory=Counter)
    _lost: Counter[Cause] = field(default_factory=Counter)
    _answered: int = 0
    _known: dict[Reservoir, tuple[float, list[float | None]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def captured(self, frame: Frame, *, replaced: bool) -> None:
        """A frame came from the source, and perhaps pushed the one before out of the slot."""
        with self._lock:
            self._frame(Outcome.CAPTURED)
            if replaced:
                self._frame(Outcome.REPLACED)
        self.metrics.last_frame.labels(self.camera).set(frame.stamp.wall)

    def replaced(self) -> None:
        """A newer frame took the place of one that waited for its turn."""
        with self._lock:
            self._frame(Outcome.REPLACED)

    def motionless(self) -> None:
        """Nothing moved in a frame."""
        with self._lock:
            self._frame(Outcome.MOTION)

    def rate(self, fps: float) -> None:
        """At most this many frames a second are asked about from now on."""
        self.metrics.rate.labels(self.camera).set(fps)

    def skipped(self) -> None:
        """The fps limit kept a frame back."""
        with self._lock:
            self._frame(Outcome.FPS)

    def sent(self) -> None:
        """A frame was handed to the client; `answered` or `lost` follows."""
        with self._lock:
            self._frame(Outcome.SENT)

    def answered(self, age_s: float, inference_s: float, now: float, track: str = "main") -> None:
        """The frame's answer came in time, `age_s` after it was read; `now` is monotonic."""
        with self._lock:
            self._answered += 1
            self.frame_age.add(age_s)
            self.inference.add(inference_s)
            self.recent.append((now, age_s, inference_s))
        self.metrics.age.labels(self.camera).observe(age_s)
        self.metrics.inference.labels(track).observe(inference_s)

    def lost(self, cause: Cause, count: int = 1) -> None:
        """The frame, or `count` of them, will have no answer."""
        with self._lock:
            self._lost[cause] += count
        self.metrics.lost.labels(self.camera, cause.value).inc(count)

    def enter(self, source: CameraState, reason: str = "") -> None:
        """The source is connecting, ok, stalled or down from now on; `reason` is why its last reading ended."""
        with self._lock:
            self._source, self.reason = source, reason
            self._settle()

    def looked(self, picture: CameraState, luminance: float, sharpness: float) -> None:
        """The picture is ok, frozen, black or blurred: what counts while the source is ok."""
        self.metrics.luminance.labels(self.camera).set(luminance)
        self.metrics.sharpness.labels(self.camera).set(sharpness)
        if picture is not self._picture:
            with self._lock:
                self._picture = picture
                self._settle()

    def changes(self) -> list[tuple[CameraState, str]]:
        """Return the states entered since the last call, each with why, oldest first."""
        with self._lock:
            entered = list(self._entered)
            self._entered.clear()
        return entered

    @property
    def reading(self) -> bool:
        """True while the source gives frames."""
        return self._source is CameraState.OK

    def _settle(self) -> None:
        state = self._picture if self._source is CameraState.OK else self._source
        if state is not self.state:
            self.state = state
            self._entered.append((state, "" if self._source is CameraState.OK else self.reason))
        for other in CameraState:
            self.metrics.state.labels(self.camera, other.value).set(1.0 if other is state else 0.0)

    def totals(self) -> Totals:
        """Return the counts so far."""
        with self._lock:
            return Totals(
                captured=self._frames[Outcome.CAPTURED],
                replaced=self._frames[Outcome.REPLACED],
                motion=self._frames[Outcome.MOTION],
                fps=self._frames[Outcome.FPS],
                sent=self._frames[Outcome.SENT],
                answered=self._answered,
                lost={cause.value: self._lost[cause] for cause in Cause},
            )

    def recently(self) -> list[tuple[float, float, float]]:
        """Return the last answers' (monotonic time, frame age, inference time), oldest first, in seconds."""
        with self._lock:
            return list(self.recent)

    def percentiles(self, which: Reservoir, now: float | None = None) -> list[float | None]:
        """Return p50, p95 and p99 of one of this record's reservoirs, in seconds.

        With `now` (monotonic) they may be FRESH_S old; without it they are of this moment.
        """
        known = self._known.get(which)
        if now is not None and known is not None and now - known[0] < FRESH_S:
            return known[1]
        with self._lock:
            values = which.values()
        found = percentiles(values, 50, 95, 99)
        if now is not None:
            self._known[which] = now, found
        return found

    def _frame(self, outcome: Outcome) -> None:
        self._frames[outcome] += 1
        self.metrics.frames.labels(self.camera, outcome.value).inc()

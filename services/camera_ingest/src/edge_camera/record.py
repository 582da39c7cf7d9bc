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
from edge_camera.reservoir import Reservoir

# Answers over which the page's "now" figures are taken: some seconds at usual rates.
RECENT = 64
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
    _entered: deque[CameraState] = field(default_factory=lambda: deque(maxlen=MAX_ENTERED))
    _frames: Counter[Outcome] = field(default_factory=Counter)
    _lost: Counter[Cause] = field(default_factory=Counter)
    _answered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.enter(self._source)

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

    def lost(self, cause: Cause) -> None:
        """The frame will have no answer."""
        with self._lock:
            self._lost[cause] += 1
        self.metrics.lost.labels(self.camera, cause.value).inc()

    def enter(self, source: CameraState) -> None:
        """The source is connecting, ok or down from now on."""
        with self._lock:
            self._source = source
            self._settle()

    def looked(self, picture: CameraState, luminance: float, sharpness: float) -> None:
        """The picture is ok, frozen, black or blurred: what counts while the source is ok."""
        self.metrics.luminance.labels(self.camera).set(luminance)
        self.metrics.sharpness.labels(self.camera).set(sharpness)
        if picture is not self._picture:
            with self._lock:
                self._picture = picture
                self._settle()

    def changes(self) -> list[CameraState]:
        """Return the states entered since the last call, oldest first."""
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
            self._entered.append(state)
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

    def percentiles(self, which: Reservoir) -> list[float | None]:
        """Return p50, p95 and p99 of one of this record's reservoirs, in seconds."""
        with self._lock:
            return which.percentiles(50, 95, 99)

    def _frame(self, outcome: Outcome) -> None:
        self._frames[outcome] += 1
        self.metrics.frames.labels(self.camera, outcome.value).inc()

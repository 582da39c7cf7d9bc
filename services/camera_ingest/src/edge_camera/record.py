"""A camera's books: every frame ends in exactly one place, and the sums close.

captured = replaced + fps + sent (+ at most one frame in the slot and one in hand, until the end), and
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


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's counts at one moment, or over a window."""

    captured: int
    replaced: int
    fps: int
    sent: int
    answered: int
    lost: dict[str, int]

    def since(self, earlier: Totals) -> Totals:
        """Return what was counted after `earlier`."""
        return Totals(
            captured=self.captured - earlier.captured,
            replaced=self.replaced - earlier.replaced,
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
    _frames: Counter[Outcome] = field(default_factory=Counter)
    _lost: Counter[Cause] = field(default_factory=Counter)
    _answered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.enter(self.state)

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

    def enter(self, state: CameraState) -> None:
        """The camera is in `state` from now on."""
        self.state = state
        for other in CameraState:
            self.metrics.state.labels(self.camera, other.value).set(1.0 if other is state else 0.0)

    def totals(self) -> Totals:
        """Return the counts so far."""
        with self._lock:
            return Totals(
                captured=self._frames[Outcome.CAPTURED],
                replaced=self._frames[Outcome.REPLACED],
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

"""Ask less often while answers come too late, and more often again when they do not."""

from __future__ import annotations

from edge_camera.client import State

MIN_FPS = 0.2
# Answers are judged together over this long: some at usual rates, and soon enough to spare a service in trouble.
WINDOW_S = 2.0
# More than this share late, and the camera slows down; one late answer in ten (a garbage collection) is no reason.
LATE_SHARE = 0.2
# By how much a window slows down (to this share) and speeds up (by this share of the full rate). The usual pair of
# congestion control, additive up and multiplicative down: cameras that share a model end up with equal rates.
DOWN, UP = 0.7, 0.05

# Signs of a service that is too slow or too busy. An error is neither: asking less would not heal it.
_LATE = frozenset({State.TIMEOUT, State.STALE, State.REJECTED})


class AdaptiveRate:
    """One camera's rate, from `min_fps` to `fps`; for use by one thread.

    Every `WINDOW_S` with at least one answer, the rate is multiplied by `DOWN` when more than `LATE_SHARE` were
    late, else raised by `UP` of the full rate: down to a tenth in 14 s, up from nothing in 40 s.
    """

    def __init__(self, fps: float, min_fps: float = MIN_FPS) -> None:
        self._full = fps
        self._least = min(min_fps, fps)
        self._late = self._asked = 0
        self._began: float | None = None
        self.fps = fps

    @property
    def slowed(self) -> bool:
        """True while the rate is below the full one."""
        return self.fps < self._full

    def note(self, state: State, now: float) -> float:
        """Take in how one question ended; return the rate from now on (frames a second). `now` is monotonic."""
        if self._began is None or now < self._began:
            self._begin(now)
        self._asked += 1
        self._late += state in _LATE
        if now - (self._began or 0.0) >= WINDOW_S:
            late = self._late > LATE_SHARE * self._asked
            wanted = self.fps * DOWN if late else self.fps + self._full * UP
            self.fps = min(max(wanted, self._least), self._full)
            self._begin(now)
        return self.fps

    def _begin(self, now: float) -> None:
        self._began, self._late, self._asked = now, 0, 0

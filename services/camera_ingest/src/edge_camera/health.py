"""Is the picture one? Frozen, black and blurred or covered ones are told apart from good ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import msgspec
import numpy as np

from edge_camera.frame import Pixels
from edge_camera.grey import small_grey

# Longer side of the picture that is measured. Small, so that noise (which is sharp) averages out.
SIDE = 160
# Sharpness is told as if the picture's mean were this, so that a dimmed lamp is no smeared lens ...
_MEAN = 100.0
# ... but a picture darker than this is mostly noise, which must not be blown up into detail.
_DARKEST = 32.0


class Look(StrEnum):
    """What a picture looks like."""

    OK = "ok"
    FROZEN = "frozen"
    BLACK = "black"
    BLURRED = "blurred"


class HealthConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a picture is bad. 0 turns `black_below` or `blurred_below` off.

    Measured on belt.mp4 (640x480, 160 px) as luminance / sharpness, and what it means for the defaults:

    - the clip 73..93 / 1035..1487; at 15 % of its light 10..13 / 155..235
    - a covered lens, mean 0, 5, 10 with noise of 5 grey levels: 2, 5, 10 / 57, 121, 148
    - the clip blurred with a Gaussian of sigma 6.5 px 73..93 / 38..50, sigma 5 px 74..101, box of 25 px 33..41
    - something grey right before the lens, mean 80, noise 3 and 8: 80 / 11 and 60

    8 is between a covered lens and a scene by bad light. 60 is 17 times below the clip, and above a smear that
    hides a parcel's digit; a scene that is bare by nature (one wall) can be lower: watch edge_camera_sharpness
    for a day and take a third of its least.
    """

    black_below: float = 8.0
    blurred_below: float = 60.0
    # Longer than the pause between key frames (1 to 4 s): a live picture that does not move changes there, if anywhere.
    frozen_after_s: float = 10.0
    # A hand before the lens, a flash or a lorry's shadow are over by then.
    hold_s: float = 3.0
    # Several looks within `hold_s`; at 10 fps that is a fifth of the CPU that a look at every frame would take.
    look_fps: float = 2.0

    def faults(self) -> list[tuple[str, str, object]]:
        """Return (key, wanted, found) for everything wrong."""
        checks = [
            (0.0 <= self.black_below <= 255.0, "health.black_below", "0 to 255", self.black_below),
            (0.0 <= self.blurred_below <= 1e6, "health.blurred_below", "0 to 1000000", self.blurred_below),
            (1.0 <= self.frozen_after_s <= 3600, "health.frozen_after_s", "1 to 3600 seconds", self.frozen_after_s),
            (0.0 <= self.hold_s <= 600, "health.hold_s", "0 to 600 seconds", self.hold_s),
            (0.1 <= self.look_fps <= 60, "health.look_fps", "0.1 to 60 looks a second", self.look_fps),
        ]
        return [(key, wanted, found) for good, key, wanted, found in checks if not good]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`luminance` is the mean in 0..255; `sharpness` the Laplacian's variance at 160 px and a mean of 100."""

    luminance: float
    sharpness: float
    state: Look


class PictureHealth:
    """Look at one camera's frames, at most `look_fps` a second; for use by one thread.

    CPU of a look at 640x480: 0.32 ms, and 0.38 ms while nothing moves (x86-64, OpenCV with one thread); in between
    it is 0.2 us.
    """

    def __init__(self, config: HealthConfig) -> None:
        self._config = config
        self._still = _Still()
        self._health = Health(luminance=0.0, sharpness=0.0, state=Look.OK)
        self._looked: float | None = None
        self._against_s = 0.0

    def look(self, pixels: Pixels, now: float) -> Health:
        """Return the picture's health; `now` is monotonic. A frame without pixels changes nothing.

        The state changes when pictures have not looked like it for `hold_s`, to what the last one looks like, or at
        once when they have been the same for `frozen_after_s`. Black comes before frozen, frozen before blurred.
        """
        since = 0.0 if self._looked is None else now - self._looked
        if self._looked is not None and 0.0 <= since < 1.0 / self._config.look_fps:
            return self._health
        small = small_grey(pixels, SIDE, cv2.INTER_AREA)
        if small is None:
            return self._health
        self._looked = now
        luminance, sharpness = measure(small)
        looks = self._judge(luminance, sharpness, self._still.seconds(small, pixels, _part(since, self._frozen_s)))
        self._health = Health(luminance=luminance, sharpness=sharpness, state=self._settle(looks, since))
        return self._health

    @property
    def _frozen_s(self) -> float:
        return self._config.frozen_after_s

    def _judge(self, luminance: float, sharpness: float, still_s: float) -> Look:
        if luminance < self._config.black_below:
            return Look.BLACK
        if still_s >= self._frozen_s:
            return Look.FROZEN
        return Look.BLURRED if sharpness < self._config.blurred_below else Look.OK

    def _settle(self, looks: Look, since: float) -> Look:
        state = self._health.state
        if looks is state:
            self._against_s = 0.0
            return state
        self._against_s += _part(since, self._config.hold_s)
        if looks is not Look.FROZEN and self._against_s < self._config.hold_s:
            return state
        self._against_s = 0.0
        return looks


def _part(since: float, bound_s: float) -> float:
    """Return how much of a duration the time since the last look proves: never all of it, as a camera that was away
    for a minute did not show its first picture for as long."""
    return min(max(since, 0.0), bound_s / 2)


def measure(small: Pixels) -> tuple[float, float]:
    """Return luminance and sharpness of a grey uint8 [h, w]."""
    luminance = float(cv2.mean(small)[0])
    _, deviation = cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_16S))
    return luminance, float(deviation[0, 0] * _MEAN / max(luminance, _DARKEST)) ** 2


class _Still:
    """How long the picture has been the same, to the last bit: a sensor's noise is a sign of life."""

    def __init__(self) -> None:
        self._small: Pixels | None = None
        self._whole: Pixels | None = None
        self._seconds = 0.0

    def seconds(self, small: Pixels, pixels: Pixels, since: float) -> float:
        """Take in a look, `since` seconds after the last; return for how long it has shown the same."""
        # The small picture of a live scene nearly always differs; only when it does not are whole frames kept.
        same = self._small is not None and np.array_equal(small, self._small)
        self._small = small
        if same and self._whole is not None and np.array_equal(pixels, self._whole):
            self._seconds += since
        else:
            # A copy: the frame's memory may be used again for the next one.
            self._whole, self._seconds = pixels.copy() if same else None, 0.0
        return self._seconds

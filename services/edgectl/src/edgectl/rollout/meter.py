"""What a group of pods did since the first look at them, whatever restarts in between."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.rollout.figures import Figures
from edgectl.rollout.tally import Tally, Window, since, total, window


class Meter:
    """Readings in, windows out. Bounded: a slice for each reading, and the caller's window bounds their number."""

    def __init__(self) -> None:
        self._last: dict[str, Figures] = {}
        self._slices: list[Tally] = []
        self._looked = False

    def add(self, readings: Mapping[str, Figures]) -> None:
        """Take the readings of one moment, by pod. What a pod did before the first of all moments does not count."""
        grown = [self._grown(pod, now) for pod, now in readings.items() if self._looked or pod in self._last]
        if self._looked:
            self._slices.append(total(grown))
        self._last.update(readings)
        self._looked = self._looked or bool(readings)

    def _grown(self, pod: str, now: Figures) -> Tally:
        then = self._last.get(pod)
        # A pod that came later, or a process that began anew, has counted from zero.
        if then is None or then.started != now.started:
            return now.tally
        return since(now.tally, then.tally)

    def window(self, seconds: float) -> Window:
        return window(self._slices, seconds)

    @property
    def latest(self) -> Mapping[str, Figures]:
        return self._last

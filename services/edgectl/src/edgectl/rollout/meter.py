"""What a group of pods did since the first look at them, whatever restarts in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgectl.rollout.figures import Figures
from edgectl.rollout.group import Group
from edgectl.rollout.tally import Tally, Window, since, total, window


class Meter:
    """Readings in, windows out. Bounded: a slice for each reading, whose number the caller's window bounds."""

    def __init__(self) -> None:
        self._last: dict[str, Figures] = {}
        self._slices: list[Tally] = []
        self._known: set[str] = set()
        self._looked = False

    def take(self, group: Group) -> None:
        """Read the pods of a group now."""
        readings = group.read()
        self.add(readings, group.silent)

    def add(self, readings: Mapping[str, Figures], silent: Iterable[str] = ()) -> None:
        """Take the readings of one moment, by pod, and which pods gave none.

        What a pod did before the first of all moments does not count.
        """
        grown = [self._grown(pod, now) for pod, now in readings.items()]
        if self._looked:
            self._slices.append(total(grown))
        self._last.update(readings)
        self._known.update(readings, silent)
        self._looked = self._looked or bool(readings)

    def _grown(self, pod: str, now: Figures) -> Tally:
        then = self._last.get(pod)
        if then is None and pod in self._known:
            # It was there and said nothing: how much of this is older than the first look nobody knows.
            return Tally()
        # A pod that came later, or a process that began anew, has counted from zero.
        if then is None or then.started != now.started:
            return now.tally
        return since(now.tally, then.tally)

    def window(self, seconds: float) -> Window:
        return window(self._slices, seconds)

    @property
    def latest(self) -> Mapping[str, Figures]:
        return self._last

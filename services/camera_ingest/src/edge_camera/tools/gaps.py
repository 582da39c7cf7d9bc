"""Stretches in which a camera has told nothing."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta

# Kept by camera for the table; all of them are counted.
MAX_GAPS = 100


class Gaps:
    """One camera's gaps over `longest`, by the times of its frames.

    Detections and alerts tell of a frame; a summary is made by the clock, and a change of state is no picture.
    """

    def __init__(self, longest: timedelta, first: datetime) -> None:
        self._longest = longest
        self._last = first
        self._kept: list[tuple[timedelta, datetime]] = []
        self.count = 0
        self.total = timedelta()
        self.steps_back = 0

    def told(self, at: datetime) -> None:
        """A frame of `at` was told of."""
        since = at - self._last
        if since > self._longest:
            self.count += 1
            self.total += since
            keep = heapq.heappush if len(self._kept) < MAX_GAPS else heapq.heappushpop
            keep(self._kept, (since, self._last))
        elif since < -self._longest:
            # The clock was set back, and goes on from here.
            self.steps_back += 1
        elif since < timedelta():
            return
        self._last = at

    @property
    def kept(self) -> list[tuple[timedelta, datetime]]:
        """The longest of them: how long, and since when; longest first."""
        return sorted(self._kept, reverse=True)

"""Which frames are worth a question."""

from __future__ import annotations

# A frame this much of an interval early still counts as on time: cameras jitter.
EARLY = 0.1


class RateLimit:
    """Let at most `per_second` frames a second through, evenly, judged by their position on the time line.

    The schedule keeps its average: 25 frames a second limited to 10 pass 10, not 8.33.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second
        self._due: float | None = None

    def change(self, per_second: float) -> None:
        """Let another number of frames through from now on; the frame that is due stays due."""
        interval = 1.0 / per_second
        if self._due is not None:
            self._due += interval - self._interval
        self._interval = interval

    def admit(self, position_s: float) -> bool:
        """Return True when the frame at `position_s` (seconds, rising) passes."""
        if self._due is None:
            self._due = position_s
        if position_s < self._due - EARLY * self._interval:
            return False
        behind = position_s - self._due
        # After a gap longer than an interval the schedule begins anew, so that no burst makes up for it.
        self._due = (position_s if behind >= self._interval else self._due) + self._interval
        return True

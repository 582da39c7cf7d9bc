"""How long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S, LONGEST_S = 0.5, 30.0
# This long without a break in its frames, a camera counts as well again.
GOOD_S = 60.0


class Backoff:
    """Exponential with full jitter: anything from 0 to 0.5 s, then 1 s, 2 s ... 30 s.

    Full, so that cameras that lost the same switch do not come back to it at the same moment.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0
        self._good_since: float | None = None

    def good(self, now: float) -> None:
        """A frame came at `now` (monotonic seconds)."""
        if self._good_since is None:
            self._good_since = now

    def delay(self, now: float) -> float:
        """Count a failure at `now`; return the seconds to wait."""
        if self._good_since is not None and now - self._good_since >= GOOD_S:
            self._failures = 0
        self._good_since = None
        # Bounded, since a float does not hold every power of two.
        ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._random() * ceiling

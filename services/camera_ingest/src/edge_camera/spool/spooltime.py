"""The spool's own time: it cannot jump, whatever the wall clock does.

While the program runs it goes as the monotonic clock does. Between two runs it goes by the wall clock, but never back
and at most by half of ttl_s: a gateway without a battery for its clock wakes up in 1970 and jumps by decades when it
finds a time server, and no event may be thrown away for that. What was off for long keeps its events for longer.
"""

from __future__ import annotations

from edge_camera.spool.format import Header
from edge_common.clock import Clock


class SpoolTime:
    """Milliseconds since the spool's first run began, as far as is known."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base_ms = 0
        self._started = clock.monotonic()

    def now_ms(self) -> int:
        """Return the spool's own time."""
        return self._base_ms + int((self._clock.monotonic() - self._started) * 1000)

    def wall_ms(self) -> int:
        """Return the wall clock's time since the epoch."""
        return int(self._clock.time() * 1000)

    def of_past(self, wall_ms: int) -> int:
        """Return what a moment of the past, by the wall clock as it goes now, is in the spool's own time."""
        return self.now_ms() - max(0, self.wall_ms() - wall_ms)

    def go_on_after(self, newest: Header | None, ttl_s: float) -> int:
        """Go on where an earlier run ended, at `newest`; return by how much this moves the time on."""
        if newest is None:
            return 0
        # The wall clock at the start of this run, by what it says now.
        running_ms = int((self._clock.monotonic() - self._started) * 1000)
        pause_ms = self.wall_ms() - running_ms - newest.wall_ms
        before = self._base_ms
        self._base_ms = newest.clock_ms + min(max(pause_ms, 0), int(ttl_s * 500))
        return self._base_ms - before

"""Who may ask next, when several cameras share one model."""

from __future__ import annotations

import threading


class Turns:
    """At most `limit` questions at once; the camera that was served longest ago goes first.

    So a camera of 30 frames a second and one of 1 get the same share of a busy model: each has one frame waiting,
    and the fast one's next frame queues behind the slow one's.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        # By ticket: a camera may wait twice while a change of the config ends its old worker.
        self._waiting: dict[object, str] = {}
        self._served: dict[str, int] = {}
        self._count = 0
        self._cond = threading.Condition()

    def enter(self, camera: str, timeout_s: float) -> bool:
        """Wait for a turn; return False when none came in time. Every turn needs its `leave`."""
        with self._cond:
            ticket = object()
            self._waiting[ticket] = camera
            mine = self._cond.wait_for(lambda: self._free > 0 and self._next() is ticket, max(0.0, timeout_s))
            del self._waiting[ticket]
            if mine:
                self._free -= 1
                self._count += 1
                self._served[camera] = self._count
            # Who is next has changed, and perhaps a second place is free.
            self._cond.notify_all()
            return mine

    def leave(self) -> None:
        """The question is answered, or given up."""
        with self._cond:
            self._free += 1
            self._cond.notify_all()

    @property
    def waiting(self) -> int:
        """Cameras that wait for a turn."""
        with self._cond:
            return len(self._waiting)

    def _next(self) -> object:
        return min(self._waiting, key=lambda ticket: self._served.get(self._waiting[ticket], 0))

"""The window of one camera's next summary event."""

from __future__ import annotations

from collections import Counter

from edge_camera.client import Reply, State
from edge_camera.events import Summary, summarise
from edge_camera.record import Record
from edge_camera.reservoir import Reservoir

# Labels counted by name in a window; a model has at most some hundred, a broken one must not fill memory.
MAX_LABELS = 1000


class Window:
    """Collect what happens between two summaries; used by the camera's worker thread alone."""

    def __init__(self, record: Record, now: float) -> None:
        self._record = record
        self.state = State.NO_FRAME
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._start = now
        self._before = self._record.totals()
        self._labels: Counter[str] = Counter()
        self._ages = Reservoir(2000)

    def add(self, reply: Reply) -> None:
        """Count one asked frame."""
        self.state = reply.state
        if reply.state is not State.OK:
            return
        self._ages.add(reply.age_s)
        for answer in reply.answers:
            if answer.label in self._labels or len(self._labels) < MAX_LABELS:
                self._labels[answer.label] += 1

    def age(self, now: float) -> float:
        """Seconds since the window began."""
        return now - self._start

    def close(self, now: float) -> Summary:
        """Return the window's summary and begin the next."""
        totals = self._record.totals().since(self._before)
        result = summarise(self.age(now), totals, self._labels, self._ages.percentiles(50, 95, 99))
        self._begin(now)
        return result

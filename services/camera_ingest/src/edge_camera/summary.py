"""The window of one camera's next summary event."""

from __future__ import annotations

import msgspec

from edge_camera.client import Reply, State
from edge_camera.events import Figures, Summary
from edge_camera.record import Record, Totals
from edge_camera.reservoir import Reservoir

# Labels told by name in a window; a model has at most some hundred, a broken one must not fill memory or an uplink.
MAX_LABELS = 200
# Values kept of each for its percentiles: a minute at 30 frames a second is 1,800 of them.
_AGES, _SCORES = 2000, 500


class Window:
    """Collect what happens between two summaries; used by the camera's worker thread alone."""

    def __init__(self, record: Record, now: float) -> None:
        self._record = record
        self._begin(now, record.totals())

    def _begin(self, now: float, before: Totals) -> None:
        self._start = now
        # How the window's last question ended; of one without a question nothing is known.
        self.state = State.NO_FRAME
        self._before = before
        self._scores: dict[str, Reservoir] = {}
        self._ages = Reservoir(_AGES)

    def add(self, reply: Reply) -> None:
        """Count one asked frame."""
        self.state = reply.state
        if reply.state is not State.OK:
            return
        self._ages.add(reply.age_s * 1000)
        for answer in reply.answers:
            if answer.label not in self._scores and len(self._scores) < MAX_LABELS:
                self._scores[answer.label] = Reservoir(_SCORES)
            if answer.label in self._scores:
                self._scores[answer.label].add(answer.score)

    def age(self, now: float) -> float:
        """Seconds since the window began."""
        return now - self._start

    def close(self, now: float) -> Summary:
        """Return the window's summary and begin the next."""
        # Read once: what the reader counts meanwhile belongs to the next window.
        so_far = self._record.totals()
        totals = so_far.since(self._before)
        by_label = sorted(self._scores.items())
        result = Summary(
            **msgspec.structs.asdict(totals),
            window_s=round(self.age(now), 3),
            answers={label: scores.count for label, scores in by_label},
            scores={label: _figures(scores, 4) for label, scores in by_label},
            age_ms=_figures(self._ages, 1),
        )
        self._begin(now, so_far)
        return result


def _figures(values: Reservoir, digits: int) -> Figures:
    found = [values.mean, *values.percentiles(50, 95), values.largest]
    mean, p50, p95, largest = (None if value is None else round(value, digits) for value in found)
    return Figures(mean=mean, p50=p50, p95=p95, max=largest)

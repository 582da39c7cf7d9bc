"""Rates of counters between two scrapes of a pod; a process that began anew has counted from zero."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgectl.cluster.scrape import Samples

# Long enough to be steady, short enough to show a fault soon.
OVER_S = 60.0
_MOST_ROUNDS = 128

Scraped = Mapping[str, Samples]


@dataclass(frozen=True, slots=True)
class Span:
    """One pod at two moments; `then` is None while it was seen once only."""

    now: Samples
    then: Samples | None
    seconds: float

    def grown(self, name: str, label: str = "") -> dict[str, float]:
        """Return by how much each counter of `name` has grown, by the values of a label."""
        now = self.now.by(name, label)
        then = self.then.by(name, label) if self.then else {}
        return {key: value - then.get(key, 0.0) if value >= then.get(key, 0.0) else value for key, value in now.items()}

    def buckets(self, name: str, **labels: str) -> dict[str, float]:
        """The same of a histogram's buckets, by upper edge."""
        now = self.now.buckets(name, **labels)
        then = self.then.buckets(name, **labels) if self.then else {}
        fell = any(now[edge] < then.get(edge, 0.0) for edge in now)
        return now if fell else {edge: count - then.get(edge, 0.0) for edge, count in now.items()}

    def rate(self, name: str) -> float | None:
        """Return a counter's growth a second; None while there is no span, or no such counter."""
        if self.then is None or self.now.value(name) is None or self.seconds <= 0:
            return None
        return sum(self.grown(name).values()) / self.seconds


@dataclass(slots=True)
class History:
    """The scrapes of the last minute; the oldest and the newest of them make a span."""

    rounds: deque[tuple[float, Scraped]] = field(default_factory=lambda: deque(maxlen=_MOST_ROUNDS))

    def add(self, at: float, scraped: Scraped) -> None:
        self.rounds.append((at, scraped))
        while len(self.rounds) > 2 and at - self.rounds[1][0] >= OVER_S:
            self.rounds.popleft()

    def span(self, pod: str) -> Span | None:
        """Return a pod's span; None when it gave nothing in the newest round."""
        at, newest = self.rounds[-1]
        if pod not in newest:
            return None
        for earlier, scraped in self.rounds:
            if pod in scraped and earlier < at:
                return Span(newest[pod], scraped[pod], at - earlier)
        return Span(newest[pod], None, 0.0)

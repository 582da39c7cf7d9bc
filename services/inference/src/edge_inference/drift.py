"""Does the model answer as it did when its golden samples were recorded? Counts that fade, beside the bundle's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_common.answers import OTHER, series_names
from edge_common.clock import Clock, SystemClock
from edge_common.manifest import Reference
from edge_common.psi import by_chance, enough, psi

HALF_LIFE_S, MIN_PREDICTIONS = 3600, 500
# Counts become weights in so many steps a half-life; until then they fade as of the step before, by 1.1 % too much.
STEPS = 64


class Fading:
    """What was counted lately: every count weighs half as much each half-life. Two numbers a counter, whatever comes.

    The counters are somebody else's running totals, handed in when the weights are asked for: counting itself stays
    an addition to a whole number.
    """

    __slots__ = ("_seen", "_weights")

    def __init__(self, counters: int) -> None:
        self._weights = [0.0] * counters
        self._seen = [0] * counters

    def weights(self, totals: Iterable[int], factor: float) -> list[float]:
        """Return the weight of each total, everything counted so far faded by `factor` since the last `settle`."""
        return [
            (weight + total - seen) * factor
            for weight, total, seen in zip(self._weights, totals, self._seen, strict=True)
        ]

    def settle(self, totals: Sequence[int], factor: float) -> None:
        """Make those the weights that fade further, and `totals` what is counted."""
        self._weights = self.weights(totals, factor)
        self._seen = list(totals)


class Recent(NamedTuple):
    """Weights of the recent predictions, by class and by bin of the score."""

    classes: list[float]
    scores: list[float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`psi` is None until `wanted` predictions are there (`wanted` is None: the reference has too few, or none).

    `by_chance` is the index to expect of so many predictions when nothing has changed.
    """

    psi: float | None
    by_chance: float | None
    wanted: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What the sketch says now; shares are by class, 0 where nothing was counted."""

    score: Comparison
    classes: Comparison
    predictions: float
    reference: int
    shares: dict[str, float]
    reference_shares: dict[str, float]


class Drift:
    """The sketch of one served version; not locked: its owner is. It holds counts, no input and no answer.

    `bins` are the owner's to count scores in, `edges` part them. `now` must be asked with each call that counts, and
    `settle` called once it says `due`.
    """

    def __init__(
        self,
        labels: Sequence[str] = (),
        reference: Reference | None = None,
        *,
        half_life_s: float = HALF_LIFE_S,
        minimum: int = MIN_PREDICTIONS,
        clock: Clock | None = None,
    ) -> None:
        self.names = list(dict.fromkeys(series_names(labels)))
        self.edges = reference.score_edges if reference else []
        self._wanted_scores = reference.score_counts if reference else []
        self._wanted_classes = _by_name(self.names, reference) if reference else []
        self._of = reference.predictions if reference else 0
        self.bins = [0] * len(self._wanted_scores)
        self.now: Callable[[], float] = (clock or SystemClock()).monotonic
        self._half_life_s, self._minimum = half_life_s, minimum
        self._classes, self._scores = Fading(len(self.names)), Fading(len(self.bins))
        self._settled = self.now()
        self.due = self._settled + half_life_s / STEPS

    def settle(self, classes: Iterable[int], now: float) -> None:
        """Let what was counted so far fade; `classes` are running totals in the order of `names`."""
        factor = self._faded(now)
        self._classes.settle(list(classes), factor)
        self._scores.settle(self.bins, factor)
        self._settled = now
        self.due = now + self._half_life_s / STEPS

    def recent(self, classes: Iterable[int]) -> Recent:
        """Return the weights now; nothing is changed."""
        factor = self._faded(self.now())
        return Recent(self._classes.weights(classes, factor), self._scores.weights(self.bins, factor))

    def figures(self, recent: Recent) -> Figures:
        """Compare `recent` with the reference."""
        return Figures(
            self._compare(recent.scores, self._wanted_scores),
            self._compare(recent.classes, self._wanted_classes),
            max(sum(recent.classes), sum(recent.scores)),
            self._of,
            dict(zip(self.names, _shares(recent.classes), strict=True)),
            dict(zip(self.names, _shares(self._wanted_classes) or [0.0] * len(self.names), strict=True)),
        )

    def _faded(self, now: float) -> float:
        return float(0.5 ** ((now - self._settled) / self._half_life_s))

    def _compare(self, found: Sequence[float], wanted: Sequence[float]) -> Comparison:
        seen, of = sum(found), sum(wanted)
        least = max(self._minimum, enough(len(wanted)))
        if not of or of < enough(len(wanted)):
            return Comparison(None, None, None)
        if seen < least:
            return Comparison(None, None, least)
        return Comparison(psi(found, wanted), by_chance(len(wanted), seen, of), least)


def _by_name(names: Sequence[str], reference: Reference) -> list[int]:
    """The reference's counts in the order of `names`; what it does not list is of the labels that share OTHER."""
    if not reference.classes:
        return []
    rest = reference.predictions - sum(reference.classes.values())
    return [reference.classes.get(name, rest if name == OTHER else 0) for name in names]


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]

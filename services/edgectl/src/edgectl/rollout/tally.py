"""What a version did in some time: counts that can be added and subtracted, as counters of a process are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import msgspec

OK, INVALID = "ok", "invalid"
# What a version can be blamed for; `invalid` is told apart, since the client may be at fault.
ERRORS = ("failed", "timeout", "rejected")
# More batches would say no more of how much calls resemble their neighbours, and make the ConfigMap large.
MOST_BATCHES = 24


class Tally(msgspec.Struct, frozen=True):
    """`durations` and `scores` are counts by upper edge of a bucket (not cumulated), as text; `+Inf` is the last.

    `busy_s` are the seconds that answered calls took together, `cpu_s` the CPU that the process used meanwhile,
    `over_budget` the answered calls beyond the bundle's p95 budget, `classes` predictions by class.
    """

    outcomes: dict[str, float] = {}
    durations: dict[str, float] = {}
    busy_s: float = 0.0
    cpu_s: float = 0.0
    over_budget: float = 0.0
    classes: dict[str, float] = {}
    scores: dict[str, float] = {}

    @property
    def calls(self) -> float:
        return sum(self.outcomes.values())

    @property
    def answered(self) -> float:
        return self.outcomes.get(OK, 0.0)

    @property
    def errors(self) -> float:
        return sum(self.outcomes.get(name, 0.0) for name in ERRORS)

    @property
    def predictions(self) -> float:
        return sum(self.classes.values())


class Window(msgspec.Struct, frozen=True):
    """A tally over `seconds`, and the same in batches, oldest first; no batches where there was one look only."""

    total: Tally = Tally()
    batches: tuple[Tally, ...] = ()
    seconds: float = 0.0


def plus(a: Tally, b: Tally) -> Tally:
    return _each(a, b, lambda x, y: x + y)


def since(now: Tally, then: Tally) -> Tally:
    """Return what was counted between two readings of one pod; when counters fell, it began anew: all of `now`."""
    grown = _each(now, then, lambda x, y: x - y)
    return now if _fell(grown) else grown


def total(tallies: Iterable[Tally]) -> Tally:
    return reduce(plus, tallies, Tally())


def window(slices: Sequence[Tally], seconds: float) -> Window:
    """Return the window of consecutive slices, neighbours put together into at most MOST_BATCHES batches."""
    together = -(-len(slices) // MOST_BATCHES) or 1
    batches = tuple(total(slices[at : at + together]) for at in range(0, len(slices), together))
    return Window(total(batches), batches, seconds)


def _each(a: Tally, b: Tally, join: Callable[[float, float], float]) -> Tally:
    values = {name: _joined(getattr(a, name), getattr(b, name), join) for name in Tally.__struct_fields__}
    return Tally(**values)


def _joined(a: Any, b: Any, join: Callable[[float, float], float]) -> Any:
    if isinstance(a, dict):
        return {key: join(a.get(key, 0.0), b.get(key, 0.0)) for key in a | b}
    return join(a, b)


def _fell(grown: Tally) -> bool:
    # A sum of seconds may come out a rounding below; counts cannot.
    tables = (grown.outcomes, grown.durations, grown.classes, grown.scores)
    return any(value < 0 for table in tables for value in table.values())

"""What a new version is held to, and how sure one has to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

# A good version passes a bound by chance in one window of this many, whatever its length.
FALSE_ALARM = 1e-3
# The rows that chance could decide share it: errors, invalid, mean, p95, budget, scores, classes, answers.
_ROWS = 8
# Half of it for the last look; the rest for those before, however many times one looks.
MOST_LOOKS = 20
# The figures before are taken as bad as they could have been, with this risk.
RISK_BEFORE = 0.01
# Latency and answers of the first moments after a start are not those of the version: caches, a pod that leaves.
_SETTLED = 1 / 3


@dataclass(frozen=True, slots=True)
class Bounds:
    """`max_error_rate` is the share of calls by which errors may exceed those before; without these, in all.

    `max_ratio`: how many times slower; `max_psi` None leaves scores and classes alone.
    """

    min_requests: int = 300
    max_error_rate: float = 0.01
    max_ratio: float = 1.25
    max_psi: float | None = 0.25


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the figures; `done` is the part of the window that has passed, 1 at the last."""

    done: float

    @property
    def last(self) -> bool:
        return self.done >= 1

    @property
    def settled(self) -> bool:
        return self.done >= _SETTLED

    @property
    def alpha(self) -> float:
        """The chance that may be taken for a row's being over its bound."""
        return FALSE_ALARM / _ROWS / 2 / (1 if self.last else MOST_LOOKS)


class State(StrEnum):
    """What a row says of the version.

    `unsure`: over its bound, but perhaps not by the version's fault. `open`: nothing to compare with, or too little.
    """

    FINE = "fine"
    BAD = "bad"
    UNSURE = "unsure"
    OPEN = "open"


class Row(msgspec.Struct, frozen=True):
    """One figure before and now, its bound, and the chance that a version within the bound looks like this."""

    what: str
    state: State
    now: str
    before: str = ""
    bound: str = ""
    chance: float | None = None
    note: str = ""


def state_of(chance: float, look: Look) -> State:
    return State.BAD if chance < look.alpha else State.FINE

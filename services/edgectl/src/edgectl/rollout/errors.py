"""Does the new version fail, or refuse, more of its calls?"""

from __future__ import annotations

from collections.abc import Iterator

from edgectl.rollout.bounds import RISK_BEFORE, Bounds, Look, Row, State, state_of
from edgectl.rollout.tails import binomial_at_least, binomial_upper
from edgectl.rollout.tally import INVALID, Tally


def rows(before: Tally | None, now: Tally, bounds: Bounds, look: Look) -> Iterator[Row]:
    """Yield the rows of errors and, when there is something to compare with, of calls refused as invalid.

    How bursts of errors resemble each other is left out on purpose: they are never chance of the traffic.
    """
    calls = now.answered + now.errors
    was = (before.errors, before.answered + before.errors) if before else None
    yield _row("errors", was, (now.errors, calls), bounds, look)
    # Clients that send nonsense do so to any version; one that all of them have to be changed for is another matter.
    if before is not None:
        invalid = (before.outcomes.get(INVALID, 0.0), before.calls)
        yield _row("invalid", invalid, (now.outcomes.get(INVALID, 0.0), now.calls), bounds, look)


def _row(what: str, before: tuple[float, float] | None, now: tuple[float, float], bounds: Bounds, look: Look) -> Row:
    hits, tries = now
    if not tries:
        return Row(what, State.OPEN, "no calls")
    # As bad as it could have been, and the bound on top of it.
    allowed = bounds.max_error_rate + (binomial_upper(*before, RISK_BEFORE) if before and before[1] else 0.0)
    chance = binomial_at_least(hits, tries, min(allowed, 1.0)) if hits / tries > allowed else 1.0
    return Row(
        what,
        state_of(chance, look),
        now=_share(hits, tries),
        before=_share(*before) if before and before[1] else "",
        bound=f"{allowed:.2%}",
        chance=chance,
    )


def _share(hits: float, tries: float) -> str:
    return f"{hits / tries:.2%} ({hits:.0f} of {tries:.0f})"

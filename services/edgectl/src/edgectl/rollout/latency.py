"""Is the new version slower? Told from what histograms know exactly: sums, and counts at bucket edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf

import msgspec

from edgectl.cluster.buckets import bracket, ms
from edgectl.rollout import spread
from edgectl.rollout.bounds import RISK_BEFORE, Bounds, Look, Row, State, state_of
from edgectl.rollout.tails import binomial_at_least, binomial_upper, student_above
from edgectl.rollout.tally import Tally, Window

# p95: the share of calls that may take longer.
TAIL = 0.05


def rows(
    before: Window | None, now: Window, bounds: Bounds, look: Look, *, budget_s: float, same_time: bool
) -> Iterator[Row]:
    """Yield the rows of the mean, of p95, and of the bundle's own budget when it has one (`budget_s` above 0).

    A gateway that is busier than in the time before makes any version slower. The CPU that a call takes tells the two
    apart: beside four busy processes on two cores a call took 4.7 times as long, and 1.09 times the CPU. Of the same
    time, there is nothing to tell apart. The budget is no comparison: who misses it is late, whatever the reason.
    """
    busier = before is not None and not same_time and not _more_work(before, now, bounds)
    for row in (slower(before, now, bounds, look), tail(before, now, bounds, look)):
        yield _doubted(row) if busier and row.state is State.BAD else row
    if budget_s > 0:
        yield budget(before, now, budget_s, look)


def _doubted(row: Row) -> Row:
    note = "but a call takes no more CPU than before: is the gateway busier?"
    return msgspec.structs.replace(row, state=State.UNSURE, note=f"{row.note}; {note}" if row.note else note)


def slower(before: Window | None, now: Window, bounds: Bounds, look: Look) -> Row:
    """Time of an answered call, on average: exact, where a bucket says 10 to 25 ms. Welch's t-test over batches."""
    new, allowed = _mean(now, _busy), f"{bounds.max_ratio:g} x"
    told = ms(new.value) if now.total.answered else "no calls"
    if before is None or not before.total.answered:
        return Row("mean", State.OPEN, told, note="nothing to compare with")
    old = _mean(before, _busy)
    if not new.known or not look.settled:
        return Row("mean", State.OPEN, told, ms(old.value), allowed, note="too early")
    told += f" ({new.value / old.value if old.value else inf:.2f} x)"
    chance = _chance_of_mean(old, new, bounds.max_ratio)
    return Row("mean", state_of(chance, look), told, ms(old.value), allowed, chance)


def _more_work(before: Window, now: Window, bounds: Bounds) -> bool:
    """Does a call take more CPU than before? Also true where processes do not tell their CPU; not with too few batches.

    By half of what the ratio allows: what a call costs outside of the model is in it, too, and stays the same.
    """
    old, new = _mean(before, _cpu), _mean(now, _cpu)
    if not old.value or not new.value:
        return True
    return new.known and _chance_of_mean(old, new, 1 + (bounds.max_ratio - 1) / 2) < RISK_BEFORE


def _chance_of_mean(old: spread.Mean, new: spread.Mean, ratio: float) -> float:
    """The chance of such a mean when the true one is not more than `ratio` times that before."""
    gap = new.value - ratio * old.value
    if gap <= 0:
        return 1.0
    # Of one look only the sum is known: taken to vary as the new version does.
    as_now = new.variance * (old.value / new.value) ** 2 * new.items / old.items
    variance = new.variance + ratio**2 * (old.variance if old.known else as_now)
    fewest = min(new.batches, old.batches) if old.known else new.batches
    return student_above(gap / variance**0.5, fewest - 1) if variance > 0 else 0.0


def _mean(window: Window, of: Callable[[Tally], float]) -> spread.Mean:
    batches = window.batches or (window.total,)
    return spread.mean([of(each) for each in batches], [each.answered for each in batches])


def _busy(tally: Tally) -> float:
    return tally.busy_s


def _cpu(tally: Tally) -> float:
    return tally.cpu_s


def tail(before: Window | None, now: Window, bounds: Bounds, look: Look) -> Row:
    """p95, from counts at bucket edges alone, never between them.

    A version `ratio` times slower at most has no more calls over an edge than the one before had over edge / ratio, and
    so over the nearest edge below that. Each edge is asked; the worst one speaks.
    """
    told, allowed = bracket(now.total.durations), f"{bounds.max_ratio:g} x"
    if before is None or not before.total.answered:
        return Row("p95", State.OPEN, told, note="nothing to compare with")
    was = bracket(before.total.durations)
    if not look.settled or not now.total.answered or len(now.batches) < spread.LEAST_BATCHES:
        return Row("p95", State.OPEN, told, was, allowed, note="too early")
    edges = _edges(now.total)
    chances = {edge: _chance(before, now, edge, bounds.max_ratio) for edge in edges}
    worst = min(chances, key=lambda edge: chances[edge], default=inf)
    # Each edge is a chance of its own to be unlucky.
    chance = min(1.0, chances.get(worst, 1.0) * len(edges))
    note = f"{_over(now.total, worst) / now.total.answered:.1%} over {ms(worst)}" if chance < 1 else ""
    return Row("p95", state_of(chance, look), told, was, allowed, chance, note)


def _chance(before: Window, now: Window, edge: float, ratio: float) -> float:
    """The chance of so many calls over `edge` when no call is more than `ratio` times slower than before."""
    old, new = before.total, now.total
    below = max((each for each in _edges(old) if each <= edge / ratio), default=0.0)
    slow = _over(new, edge)
    tolerated = max(TAIL, min(old.answered, _over(old, below) + _not_answered(old)) / old.answered)
    if slow / new.answered <= tolerated:
        return 1.0
    alike = _alike(now, edge)
    before_alike = _alike(before, below) if before.batches else alike
    hits = min(old.answered, _over(old, below) + _not_answered(old)) / before_alike
    tolerated = max(TAIL, binomial_upper(hits, old.answered / before_alike, RISK_BEFORE))
    return binomial_at_least(slow / alike, new.answered / alike, tolerated)


def budget(before: Window | None, now: Window, budget_s: float, look: Look) -> Row:
    """Calls beyond the bundle's p95 budget: a count, so no bucket is in between."""
    new, bound = now.total, f"p95 {ms(budget_s)}"
    if not new.answered:
        return Row("budget", State.OPEN, "no calls", bound=bound)
    told = f"{new.over_budget / new.answered:.1%} over"
    old = before.total if before else None
    was = old.over_budget / old.answered if old and old.answered else None
    before_told = "" if was is None else f"{was:.1%} over"
    if not look.settled or len(now.batches) < spread.LEAST_BATCHES:
        return Row("budget", State.OPEN, told, before_told, bound, note="too early")
    if was is not None and was > TAIL:
        return Row("budget", State.FINE, told, before_told, bound, note="so was the version before")
    batches = now.batches
    alike = spread.of_share([each.over_budget for each in batches], [each.answered for each in batches])
    over = new.over_budget / new.answered > TAIL
    chance = binomial_at_least(new.over_budget / alike, new.answered / alike, TAIL) if over else 1.0
    return Row("budget", state_of(chance, look), told, before_told, bound, chance)


def _over(tally: Tally, edge: float) -> float:
    """Answered calls that took longer than `edge`, at least: the others may all be among those over it."""
    over = sum(count for text, count in tally.durations.items() if float(text) > edge)
    return max(0.0, over - _not_answered(tally))


def _not_answered(tally: Tally) -> float:
    return tally.calls - tally.answered


def _alike(window: Window, edge: float) -> float:
    batches: Sequence[Tally] = window.batches
    return spread.of_share(
        [_over(each, edge) for each in batches], [max(_over(each, edge), each.answered) for each in batches]
    )


def _edges(tally: Tally) -> list[float]:
    return sorted(edge for edge in map(float, tally.durations) if edge != inf)

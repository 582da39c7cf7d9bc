"""Does the new version see what the one before saw? Scores, classes, and how many answers a call gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log

from edge_common.psi import by_chance
from edgectl.rollout import spread
from edgectl.rollout.bounds import Bounds, Look, Row, State, state_of
from edgectl.rollout.tails import chi_square_above, student_above
from edgectl.rollout.tally import Tally, Window

Shares = Callable[[Tally], Mapping[str, float]]
# A bin expected to hold fewer than this of either version's (independent) predictions joins its neighbour: chi-square.
_LEAST_EXPECTED = 5.0
# A version that gives fewer than a tenth of the answers sees next to nothing.
_FEWEST_ANSWERS = 0.1
# Smoothing: an empty bin is not proof of an impossible one.
_HALF = 0.5


def rows(before: Window | None, now: Window, bounds: Bounds, look: Look) -> Iterator[Row]:
    """Yield the rows of scores, classes and answers a call; none for a model without classes, or without a bound."""
    if bounds.max_psi is None or not (now.total.classes or (before and before.total.classes)):
        return
    yield _shifted("scores", before, now, lambda tally: tally.scores, bounds.max_psi, look)
    same = before is None or before.total.classes.keys() == now.total.classes.keys()
    if same:
        yield _shifted("classes", before, now, lambda tally: tally.classes, bounds.max_psi, look)
    else:
        yield Row("classes", State.OPEN, _few(now.total.classes), note="other classes than before: not compared")
    yield _fewer(before, now, look)


def _shifted(what: str, before: Window | None, now: Window, of: Shares, max_psi: float, look: Look) -> Row:
    """The population stability index, less what chance alone gives it; and a G-test that it is not chance."""
    told = f"{sum(of(now.total).values()):.0f} predictions"
    bound = f"PSI {max_psi:g}"
    if before is None:
        return Row(what, State.OPEN, told, bound=bound, note="nothing to compare with")
    was = f"{sum(of(before.total).values()):.0f} predictions"
    # With few batches nobody knows how alike neighbouring frames are: twenty of one scene would seem twenty proofs.
    if not look.settled or len(now.batches) < spread.LEAST_BATCHES:
        return Row(what, State.OPEN, told, was, bound, note="too early")
    # Neighbouring frames show the same things: they count as the fewer independent ones that would vary as much.
    alike = _alike(now, of)
    before_alike = _alike(before, of) if before.batches else alike
    old, new = binned(of(before.total), of(now.total), before_alike, alike)
    if len(old) < 2:
        return Row(what, State.OPEN, told, was, bound, note="too few, or all alike")
    psi = _psi(old, new) - by_chance(len(old), sum(old), sum(new))
    chance = chi_square_above(_g(old, new), len(old) - 1) if psi > max_psi else 1.0
    return Row(what, state_of(chance, look), f"PSI {max(psi, 0.0):.2f} of {told}", was, bound, chance)


def _alike(window: Window, of: Shares) -> float:
    names = list(of(window.total))
    return spread.of_shares([[of(each).get(name, 0.0) for name in names] for each in window.batches])


def binned(
    before: Mapping[str, float], now: Mapping[str, float], before_alike: float, alike: float
) -> tuple[list[float], list[float]]:
    """Return both as counts of independent predictions in the same bins, small bins joined with their neighbours."""
    old_size, new_size = sum(before.values()) / before_alike, sum(now.values()) / alike
    if not old_size or not new_size:
        return [], []
    small = min(old_size, new_size) / (old_size + new_size)
    old, new, open_old, open_new = [], [], 0.0, 0.0
    for name in _in_order({**before, **now}):
        open_old += before.get(name, 0.0) / before_alike
        open_new += now.get(name, 0.0) / alike
        if (open_old + open_new) * small >= _LEAST_EXPECTED:
            old.append(open_old)
            new.append(open_new)
            open_old = open_new = 0.0
    if old:
        old[-1] += open_old
        new[-1] += open_new
    return old, new


def _in_order(names: Mapping[str, float]) -> Sequence[str]:
    """Edges by number; classes, the frequent ones first, so that rare ones end up together."""
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names, key=lambda name: (-names[name], name))


def _psi(old: Sequence[float], new: Sequence[float]) -> float:
    was = [count + _HALF for count in old]
    now = [count + _HALF for count in new]
    pairs = [(a / sum(was), b / sum(now)) for a, b in zip(was, now, strict=True)]
    return sum((b - a) * log(b / a) for a, b in pairs)


def _g(old: Sequence[float], new: Sequence[float]) -> float:
    """The likelihood-ratio statistic of the table of two rows."""
    everything = sum(old) + sum(new)
    statistic = 0.0
    for row in (old, new):
        part = sum(row) / everything
        for a, b, count in zip(old, new, row, strict=True):
            if count > 0:
                statistic += 2 * count * log(count / ((a + b) * part))
    return statistic


def _fewer(before: Window | None, now: Window, look: Look) -> Row:
    """Answers a call: a tenth of those before at least. More are left to the scores, a quiet belt to the variance."""
    new = _per_call(now)
    told, bound = f"{new.value:.3g} a call", f"{_FEWEST_ANSWERS:g} x"
    if before is None or not before.total.answered:
        return Row("answers", State.OPEN, told, bound=bound, note="nothing to compare with")
    old = _per_call(before)
    was = f"{old.value:.3g} a call"
    if not look.settled or not new.known:
        return Row("answers", State.OPEN, told, was, bound, note="too early")
    gap = _FEWEST_ANSWERS * old.value - new.value
    # Without batches nobody knows whether there were quiet minutes before, too.
    if gap <= 0 or not old.known:
        return Row("answers", State.FINE if gap <= 0 else State.OPEN, told, was, bound)
    variance = new.variance + _FEWEST_ANSWERS**2 * old.variance
    chance = student_above(gap / variance**0.5, min(old.batches, new.batches) - 1) if variance > 0 else 0.0
    return Row("answers", state_of(chance, look), told, was, bound, chance)


def _per_call(window: Window) -> spread.Mean:
    batches = window.batches or (window.total,)
    return spread.mean([each.predictions for each in batches], [each.answered for each in batches])


def _few(classes: Mapping[str, float]) -> str:
    return f"{len(classes)} classes"

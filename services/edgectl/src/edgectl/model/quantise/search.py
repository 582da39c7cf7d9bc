"""Which layers have to stay float for the bound to hold: each measured alone, then the worst left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from edgectl.model.data import Feed, spaced
from edgectl.model.quantise.build import Build
from edgectl.model.quantise.picked import Picked
from edgectl.model.quantise.plan import Layer, Sensitivity
from edgectl.model.quantise.trial import Trial, tried
from edgectl.model.quantise.yardstick import Yardstick
from edgectl.model.report import progress

# To order the layers, few samples do: their errors lie factors apart. The bound is then held on all of them.
RANKED_ON = 50


def sensitivities(build: Build, layers: Sequence[Layer], feeds: Sequence[Feed], by: Yardstick) -> list[Sensitivity]:
    """Return what quantising each layer alone does, the worst first.

    One layer at a time, the others float: what the layers do adds up nearly, and one that ruins the answers does not
    hide the others, as it would if one at a time were left out of a graph that is quantised.
    """
    picked = spaced(len(feeds), RANKED_ON)
    some, ruler = Picked(feeds, picked), by.at(picked)
    found = []
    with progress() as bar:
        for layer in bar.track(layers, description="each layer alone"):
            trial = tried(build, [layer.name], some, ruler)
            found.append(Sensitivity(layer, trial.drop, trial.error))
    return sorted(found, key=_harm, reverse=True)


def _harm(each: Sensitivity) -> tuple[float, float]:
    """What layers are ordered by; a metric that is none on so few samples (of one class, say) tells nothing."""
    known = max(0.0, each.drop) if isfinite(each.drop) else 0.0
    return known + each.error, each.error


def within_bound(
    build: Build, ranked: Sequence[Sensitivity], feeds: Sequence[Feed], by: Yardstick, max_drop: float
) -> Trial:
    """Return the graph with the fewest of the most sensitive layers left float whose drop is at most `max_drop`.

    When none holds, it is the last one tried, with the least sensitive layer alone. The number left float is sought by
    doubling and halving: each trial runs all samples.
    """
    names = [each.layer.name for each in ranked]
    with progress() as bar:
        task = bar.add_task("leaving layers float", total=None)

        def without(worst: int) -> Trial:
            bar.update(task, advance=1)
            return tried(build, names[worst:], feeds, by)

        return fewest(without, len(names), max_drop)


def fewest(without: Callable[[int], Trial], layers: int, max_drop: float) -> Trial:
    """Return the trial `without` the fewest of so many `layers` whose drop is at most `max_drop`, else the last one.

    It is the fewest where each layer left out makes the drop smaller; one that is returned holds the bound even where
    that is not so.
    """
    trial, bad, step = without(0), 0, 1
    while trial.drop > max_drop and bad < layers - 1:
        good = min(bad + step, layers - 1)
        trial, step = without(good), step * 2
        bad = good if trial.drop > max_drop else bad
        if trial.drop <= max_drop:
            return _between(without, bad, good, trial, max_drop)
    return trial


def _between(without: Callable[[int], Trial], bad: int, good: int, best: Trial, max_drop: float) -> Trial:
    """Return the trial with the fewest left out, more than `bad` and at most `good`, of which `best` is."""
    while good - bad > 1:
        middle = (bad + good) // 2
        trial = without(middle)
        if trial.drop <= max_drop:
            good, best = middle, trial
        else:
            bad = middle
    return best

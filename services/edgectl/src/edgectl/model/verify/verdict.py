"""What a verification found, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from edgectl.model.data import Dataset, Feed
from edgectl.model.verify.bounds import Bounds, percent

# Golden samples of a bundle when nobody says how many: few enough for a gateway to check at each start.
GOLDEN_SAMPLES = 4
SHOWN = 5


@dataclass(frozen=True, slots=True)
class OutputGap:
    """The largest difference of one output over all samples, in itself and scaled, where it was, and the mean.

    `relative` is the root of the squared differences by that of the squared answers, None where those are no floats or
    0 throughout; `count` values were compared, `told` of which were no NaN or infinity in both. `fault` is what kept a
    sample's answers from being compared, if any.
    """

    name: str
    largest: float
    mean: float
    scaled: float
    sample: str
    relative: float | None
    count: int
    told: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of the task, of both models."""

    name: str
    original: float
    converted: float

    @property
    def drop(self) -> float:
        """NaN as soon as one of them is."""
        return self.original - self.converted


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`agree` of `total` labels are the same; `off[i]` is how bad sample i is: share of other labels, difference.

    `remarks` are what a reader must know of the metrics: which could not be measured, what was left out.
    """

    framework: str
    task: str
    dataset: Dataset
    bounds: Bounds
    outputs: tuple[OutputGap, ...]
    agree: int
    total: int
    metrics: tuple[Measured, ...]
    off: tuple[tuple[float, float], ...]
    remarks: tuple[str, ...] = ()

    @property
    def agreement(self) -> float | None:
        """The share of labels that are the same; None where the answers name no class, or there was no box."""
        return self.agree / self.total if self.total else None

    @property
    def holds(self) -> bool:
        return not self.passed

    @property
    def passed(self) -> tuple[str, ...]:
        """One line for each bound that is passed: which, and by how much; or that there was nothing to compare."""
        differences = (_difference(each, self.bounds) for each in self.outputs)
        return (*filter(None, differences), *self._nothing(), *self._agreement(), *self._drops())

    def _nothing(self) -> list[str]:
        if self.task == "detection" and not self.total:
            return ["boxes: want some to compare, found none in any sample; give real samples with --inputs"]
        if not self.total and not any(each.count for each in self.outputs):
            return ["answers: want some to compare, found empty ones only; give other samples with --inputs"]
        return []

    def _agreement(self) -> list[str]:
        if self.agreement is None or self.agreement >= self.bounds.min_agreement:
            return []
        return [
            f"labels: want {percent(self.bounds.min_agreement)} to agree (--min-agreement), found "
            f"{percent(self.agreement)}: {self.total - self.agree} of {self.total} do not"
        ]

    def _drops(self) -> list[str]:
        return [
            f"{each.name}: want a drop of at most {percent(self.bounds.max_drop)} (--max-drop), found "
            + ("NaN" if isnan(each.drop) else percent(each.drop))
            + f": {each.original:.4g} in the original, {each.converted:.4g} converted"
            for each in self.metrics
            if not each.drop <= self.bounds.max_drop
        ]

    @property
    def worst(self) -> tuple[int, ...]:
        """Indexes of the samples, the worst first."""
        return tuple(sorted(range(len(self.off)), key=lambda i: self.off[i], reverse=True))

    @property
    def golden(self) -> list[Feed]:
        return self.chosen(GOLDEN_SAMPLES)

    def chosen(self, count: int) -> list[Feed]:
        """Return `count` feeds, as far as there are so many: half the worst, the others from the middle."""
        ranks = self.worst
        bad = ranks[: (count + 1) // 2]
        left = ranks[len(bad) :]
        start = max(0, (len(left) - (count - len(bad))) // 2)
        return [self.dataset.feeds[i] for i in (*bad, *left[start : start + count - len(bad)])]

    def facts(self) -> dict[str, Any]:
        """Return plain data for --json; what is not finite becomes null there."""
        return {
            "holds": self.holds,
            "passed": list(self.passed),
            "framework": self.framework,
            "task": self.task,
            "inputs": {"origin": self.dataset.origin, "used": len(self.dataset), "found": self.dataset.total},
            "outputs": [_output(each) for each in self.outputs],
            "agreement": {"share": self.agreement, "agree": self.agree, "of": self.total},
            "metrics": [_metric(each) for each in self.metrics],
            "remarks": list(self.remarks),
            "bounds": {name: getattr(self.bounds, name) for name in Bounds.__slots__},
            "worst": [_sample(self, i) for i in self.worst[:SHOWN]],
        }

    def tables(self) -> Sequence[Any]:
        """Return the same for a person, as tables of rich."""
        from edgectl.model.verify.tables import tables

        return tables(self)


def _difference(each: OutputGap, bounds: Bounds) -> str:
    """Return how an output passes a bound, or that nothing of it could be compared; "" when it holds."""
    most, wide = bounds.max_difference, bounds.max_relative
    if each.fault:
        found = f"another shape in {each.sample}: {each.fault}"
        return f"'{each.name}': want a difference of at most {most:g} (--max-difference), found {found}"
    if not each.scaled <= most:
        found = f"{each.scaled:.4g} in {each.sample}"
        return f"'{each.name}': want a difference of at most {most:g} (--max-difference), found {found}"
    if each.count and not each.told:
        return f"'{each.name}': want numbers to compare, found NaN or infinity only; give real samples with --inputs"
    if wide is not None and each.relative is not None and not each.relative <= wide:
        found = f"{each.relative:.4g} over all samples, root mean square by root mean square"
        return f"'{each.name}': want a relative error of at most {wide:g} (--max-relative), found {found}"
    return ""


def _output(each: OutputGap) -> Mapping[str, Any]:
    return {
        "name": each.name, "max": each.largest, "mean": each.mean, "max_scaled": each.scaled, "sample": each.sample,
        "relative": each.relative, "fault": each.fault,
    }  # fmt: skip


def _metric(each: Measured) -> Mapping[str, Any]:
    return {"name": each.name, "original": each.original, "converted": each.converted, "drop": each.drop}


def _sample(verdict: Verdict, index: int) -> Mapping[str, Any]:
    differ, scaled = verdict.off[index]
    return {"sample": verdict.dataset.names[index], "labels_differ": differ, "max_scaled": scaled}

"""Two graphs on the same samples and the same machine, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgectl.bundle.graph import load_level
from edgectl.model.compare.budget import passed
from edgectl.model.cost import Cost, cost_of, pair
from edgectl.model.data import Dataset
from edgectl.model.data_npz import narrowed
from edgectl.model.errors import ModelError
from edgectl.model.verify.bounds import bounds_for
from edgectl.model.verify.run import verify
from edgectl.model.verify.target import Target
from edgectl.model.verify.verdict import Verdict

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array, TensorSpec


@dataclass(frozen=True, slots=True)
class AsOriginal:
    """A graph in the place of the original that another one is held against."""

    target: Target
    framework: str = "onnx"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.target.model.inputs

    @property
    def tools(self) -> Mapping[str, str]:
        return {}

    def convert(self) -> onnx.ModelProto:
        from edgectl.model.graphs import read_model

        return read_model(self.target.path)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        return self.target.model.run(feed)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Key -> value of both, keys as in --budget; `b` also has what it shares with `a`: agreement, max_difference."""

    names: tuple[str, str]
    a: Mapping[str, float]
    b: Mapping[str, float]
    verdict: Verdict
    budget: Mapping[str, float]

    @property
    def passed(self) -> list[str]:
        """One line for each bound of the budget that B passes."""
        return passed(self.budget, self.b)

    def ratios(self) -> dict[str, float]:
        """Return B over A by key, where that is a number."""
        return {key: self.b[key] / self.a[key] for key in self.a if key in self.b and self.a[key]}

    def facts(self) -> dict[str, Any]:
        names = dict(zip("ab", self.names, strict=True))
        return {
            "a": {"name": names["a"], **self.a},
            "b": {"name": names["b"], **self.b},
            "ratio": self.ratios(),
            "inputs": self.verdict.facts()["inputs"],
            "metrics": self.verdict.facts()["metrics"],
            "budget": dict(self.budget),
            "passed": self.passed,
            "holds": not self.passed,
        }


def compare(
    a: Target, b: Target, dataset: Dataset, budget: Mapping[str, float], threads: int = 1, seconds: float = 1.0
) -> Comparison:
    """Return how B does beside A: what both answer to `dataset`, and what a run of its first sample costs.

    What outputs mean is said by the bundle among them, by A where both or none is one.

    Raises:
        StartError: inputs, outputs or labels of other names, or a budget for what cannot be measured here.
    """
    _same_labels(a, b)
    said = b if a.bundle is None and b.bundle is not None else a
    bounds = bounds_for(said.task)
    verdict = verify(AsOriginal(a), b.path, dataset, bounds, said.answer, said.task, said.labels)
    ours, theirs = _answers(verdict)
    passed(budget, dict.fromkeys(_figures(_NOTHING), 0.0) | theirs)  # sooner than after seconds of measuring
    costs = _costs(a, b, dataset, threads, seconds)
    left, right = (_figures(cost) for cost in costs)
    names = (_name(a), _name(b))
    return Comparison(names, left | ours, right | theirs, verdict, budget)


def _same_labels(a: Target, b: Target) -> None:
    """Raise ModelError where class 0 of one is another class than class 0 of the other: numbers would not tell."""
    if not (a.labels and b.labels) or a.labels == b.labels:
        return
    i = next((i for i, pair in enumerate(zip(a.labels, b.labels, strict=False)) if len(set(pair)) > 1), None)
    found = f"{len(a.labels)} and {len(b.labels)}" if i is None else f"{a.labels[i]!r} and {b.labels[i]!r} as class {i}"
    raise ModelError(
        f"{b.path.parent}: want the classes of {a.path.parent} in their order, found {found}; "
        "verify each against its own original"
    )


_NOTHING = Cost(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def _name(target: Target) -> str:
    bundle = target.bundle
    return f"{bundle.name} {bundle.version}" if bundle else target.path.name


def _answers(verdict: Verdict) -> tuple[dict[str, float], dict[str, float]]:
    both = [{"accuracy": value} for value in _metric(verdict)] or [{}, {}]
    shared = {"max_difference": max((each.scaled for each in verdict.outputs), default=0.0)}
    if verdict.agreement is not None:
        shared["agreement"] = verdict.agreement
    return both[0], both[1] | shared


def _metric(verdict: Verdict) -> Iterator[float]:
    for each in verdict.metrics[:1]:
        yield from (each.original, each.converted)


def _costs(a: Target, b: Target, dataset: Dataset, threads: int, seconds: float) -> tuple[Cost, Cost]:
    """Measure both in turns where one feed and one level suit them, else one after the other."""
    feeds = [narrowed(dataset.feeds[0], each.model.inputs) for each in (a, b)]
    # A graph that was optimised for this machine is run as it is.
    levels = [load_level(each.path) for each in (a, b)]
    alike = all(feeds[0][name].dtype == feeds[1][name].dtype for name in feeds[0])
    if alike and levels[0] == levels[1]:
        return pair(a.path, b.path, feeds[0], threads=threads, seconds=seconds, level=levels[0])
    each = zip((a, b), feeds, levels, strict=True)
    first, second = (
        cost_of(target.path, feed, threads=threads, seconds=seconds, level=level) for target, feed, level in each
    )
    return first, second


def _figures(cost: Cost) -> dict[str, float]:
    return {
        "size_mb": cost.size_bytes / 1e6,
        "load_ms": cost.load_ms,
        "memory_mb": cost.pss_mb,
        "p50_ms": cost.p50_ms,
        "p95_ms": cost.p95_ms,
        "p99_ms": cost.p99_ms,
        "per_s": cost.per_s,
    }

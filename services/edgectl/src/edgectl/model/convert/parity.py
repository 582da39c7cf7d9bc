"""Does the graph answer what the original answers? Always asked before a bundle is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_common.bundle import BundleError
from edgectl.model.convert.precision import tied
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array
    from edgectl.bundle.session import Model
    from edgectl.model.convert.source import Original

# A few: `edgectl model verify` takes many. Beyond these samples three of them are run as one batch.
SAMPLES = 16
_BATCH = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One output over all samples: `beyond` of `values` differ by more than the tolerance; `ties` were excused."""

    output: str
    max_difference: float
    mean_difference: float
    beyond: int
    values: int
    ties: int


@dataclass(frozen=True, slots=True)
class Parity:
    rows: tuple[Row, ...]
    samples: int

    @property
    def holds(self) -> bool:
        return not any(row.beyond for row in self.rows)

    def facts(self) -> dict[str, Any]:
        return {"samples": self.samples, "holds": self.holds, "outputs": [asdict(row) for row in self.rows]}


def parity(original: Original, graph: Model, feeds: Sequence[Mapping[str, Array]], rtol: float, atol: float) -> Parity:
    """Run both on every feed, and on some together where the graph takes any batch.

    Raises:
        ModelError: the graph refuses a feed that its own inputs allow, or answers in another shape or type.
    """
    found: dict[str, list[_Part]] = {spec.name: [] for spec in graph.outputs}
    for feed in (*feeds, *together(graph, feeds)):
        wanted = original.predict(feed)
        got = _run(graph, feed)
        hung = tied(wanted, len(next(iter(feed.values())))) if "probabilities" in wanted else None
        for name, parts in found.items():
            _check(name, wanted[name], got[name])
            parts.append(_part(wanted[name], got[name], rtol, atol, hung if name == "label" else None))
    return Parity(tuple(_row(name, parts) for name, parts in found.items()), len(feeds))


def together(graph: Model, feeds: Sequence[Mapping[str, Array]]) -> Iterator[Mapping[str, Array]]:
    """Yield the first feeds as one batch, where all inputs take any: a baked-in batch of 1 shows only so."""
    some = feeds[:_BATCH]
    free = all(spec.shape[:1] == (-1,) for spec in graph.inputs)
    same = all(feed[name].shape == array.shape for feed in some for name, array in some[0].items())
    if len(some) > 1 and free and same:
        yield {name: np.concatenate([feed[name] for feed in some]) for name in some[0]}


@dataclass(frozen=True, slots=True)
class _Part:
    highest: float
    total: float
    beyond: int
    values: int
    ties: int


def _run(graph: Model, feed: Mapping[str, Array]) -> dict[str, Array]:
    try:
        return graph.run(feed)
    except BundleError as exc:
        shapes = {name: list(array.shape) for name, array in feed.items()}
        reason = str(exc).removeprefix(f"{graph.path}: ")
        raise ModelError(f"the converted graph cannot run {shapes}: {reason}; --batch 1 may mend it") from None


def _check(name: str, wanted: Array, got: Array) -> None:
    if wanted.shape != got.shape or wanted.dtype != got.dtype:
        raise ModelError(
            f"output '{name}': want {wanted.dtype} {list(wanted.shape)} as the original gives, "
            f"found {got.dtype} {list(got.shape)} in the converted graph"
        )


def _part(wanted: Array, got: Array, rtol: float, atol: float, hung: Array | None) -> _Part:
    if wanted.dtype.kind == "O" or wanted.dtype.kind == "b":
        differences = np.asarray(wanted != got, float)
        beyond = differences > 0
    else:
        one, other = wanted.astype(float), got.astype(float)
        # Where both are infinite or no number, they agree.
        with np.errstate(invalid="ignore"):
            differences = np.nan_to_num(np.abs(one - other), nan=0.0)
        tolerance = (rtol, atol) if wanted.dtype.kind == "f" else (0.0, 0.0)
        beyond = ~np.isclose(other, one, *tolerance, equal_nan=True)
    excused = np.zeros_like(beyond)
    if hung is not None and beyond.shape[:1] == hung.shape:
        excused = beyond & hung.reshape(-1, *(1,) * (beyond.ndim - 1))
    highest = float(differences.max()) if differences.size else 0.0
    count = int((beyond & ~excused).sum())
    return _Part(highest, float(differences.sum()), count, differences.size, int(excused.sum()))


def _row(name: str, parts: Iterable[_Part]) -> Row:
    parts = list(parts)
    values = sum(part.values for part in parts)
    mean = sum(part.total for part in parts) / max(1, values)
    beyond, ties = sum(part.beyond for part in parts), sum(part.ties for part in parts)
    return Row(name, max((part.highest for part in parts), default=0.0), mean, beyond, values, ties)

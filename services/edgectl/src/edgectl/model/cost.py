"""What a graph costs on this machine, measured in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.costproc import Measured, checked, feed_file, process
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array

# Fewer say nothing of a tail, whatever `seconds` is.
MIN_RUNS = 5
# A pair takes turns this often: what else the machine does meets both alike.
_TURNS = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Times in milliseconds, `pss_mb` in MB (10^6) beyond a process that has imported ONNX Runtime, `per_s` in runs."""

    size_bytes: int
    load_ms: float
    pss_mb: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_s: float


def cost_of(
    model: Path, feed: Mapping[str, Array], *, threads: int = 1, seconds: float = 1.0, level: str = "all"
) -> Cost:
    """Return what the graph in the file `model` costs to answer `feed` (input name -> array), one caller at a time.

    `level` is ONNX Runtime's optimisation at load: none, basic, extended, layout, all. Every run of `seconds`, and at
    least MIN_RUNS, counts; those that warm up do not.

    Raises:
        ModelError: no such file or option, or a graph that ONNX Runtime refuses, does not survive or never answers.
    """
    checked(model, threads, seconds, level)
    with feed_file(feed) as file, process(model) as child:
        child.load(file, threads, level)
        return summary(model, child, child.run(seconds, MIN_RUNS))


def pair(
    a: Path, b: Path, feed: Mapping[str, Array], *, threads: int = 1, seconds: float = 1.0, level: str = "all"
) -> tuple[Cost, Cost]:
    """Return what `a` and `b` cost to answer the same `feed`, each `seconds` in turns, in two processes.

    Raises:
        ModelError: as cost_of.
    """
    for model in (a, b):
        checked(model, threads, seconds, level)
    with feed_file(feed) as file, process(a) as first, process(b) as second:
        children = (first, second)
        times: tuple[list[int], list[int]] = ([], [])
        for child in children:
            child.load(file, threads, level)
        for _ in range(_TURNS):
            for child, found in zip(children, times, strict=True):
                found.extend(child.run(seconds / _TURNS))
        return summary(a, first, times[0]), summary(b, second, times[1])


def summary(model: Path, child: Measured, nanoseconds: Sequence[int]) -> Cost:
    """Return the cost that the runs of `child` amount to."""
    p50, p95, p99 = percentiles(nanoseconds)
    return Cost(
        size_bytes=size_of(model),
        load_ms=child.load_ms,
        pss_mb=child.pss / 1e6,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        per_s=len(nanoseconds) * 1e9 / sum(nanoseconds),
    )


def percentiles(nanoseconds: Sequence[int]) -> tuple[float, float, float]:
    """Return p50, p95 and p99 in milliseconds of all runs, interpolated between the two nearest."""
    import numpy as np

    p50, p95, p99 = (np.percentile(nanoseconds, (50, 95, 99)) / 1e6).tolist()
    return p50, p95, p99


def size_of(model: Path) -> int:
    """Return the bytes of the file, and of the one beside it that holds its weights if they are not in it.

    Raises:
        ModelError: the weights are not where the file says.
    """
    from edge_common.externaldata import external_data

    try:
        beside = external_data(model)
        return model.stat().st_size + ((model.parent / beside).stat().st_size if beside else 0)
    except OSError as exc:
        raise ModelError(f"{exc.filename}: want the weights of {model}, found {(exc.strerror or '').lower()}") from None

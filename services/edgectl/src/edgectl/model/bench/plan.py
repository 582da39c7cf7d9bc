"""`--threads 1,2 --cpus 0.5,all --batch 1,8`: what is measured, one setup after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from edgectl.model.bench.target import MAX_BATCH
from edgectl.model.costproc import MAX_THREADS
from edgectl.model.errors import ModelError

# A table of more rows is not read, and takes over five minutes at the default of three seconds.
MAX_SETUPS = 100
# The kernel takes no quota under 1 ms of its period of 100 ms; under 0.05 a run is all waiting.
MIN_CPUS = 0.05
ALL = "all"

_Value = TypeVar("_Value", int, float)


@dataclass(frozen=True, slots=True)
class Setup:
    """`cpus` None is no limit; `batch` None leaves the feed as it is."""

    threads: int
    cpus: float | None
    batch: int | None


def setups(threads: str | None, cpus: str | None, batch: str | None) -> list[Setup]:
    """Return every combination of the three options; None stands for the default.

    Raises:
        ModelError: an option that is no such list, or too many combinations.
    """
    there = available()
    counts = _numbers("--threads", threads or _default_threads(there), int, 1, MAX_THREADS)
    limits = _limits(cpus or _default_limits(there), there)
    batches: Sequence[int | None] = _numbers("--batch", batch, int, 1, MAX_BATCH) if batch else [None]
    found = [Setup(t, c, b) for b in batches for t in counts for c in limits]
    if len(found) > MAX_SETUPS:
        raise ModelError(f"--threads, --cpus, --batch: want at most {MAX_SETUPS} combinations, found {len(found)}")
    return found


def available() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


def _default_threads(there: int) -> str:
    return "1" if there == 1 else f"1,{min(there, 4)}"


def _default_limits(there: int) -> str:
    return f"0.5,{ALL}" if there == 1 else f"0.5,1,{ALL}"


def _limits(text: str, there: int) -> list[float | None]:
    limits: list[float | None] = []
    for part in text.split(","):
        limits += [None] if part.strip() == ALL else _numbers("--cpus", part, float, MIN_CPUS, there)
    return list(dict.fromkeys(limits))


def _numbers(option: str, text: str, kind: Callable[[str], _Value], low: float, high: float) -> list[_Value]:
    example = "0.5,1,all" if option == "--cpus" else "1,2"
    try:
        found = [kind(part) for part in text.split(",")]
    except ValueError:
        raise ModelError(f"{option} {text}: want numbers such as {example}") from None
    if odd := [number for number in found if not low <= number <= high]:
        here = f"; this process may use {high:g} CPUs" if option == "--cpus" else ""
        raise ModelError(f"{option} {text}: want {low:g} to {high:g}, found {odd[0]:g}{here}")
    return list(dict.fromkeys(found))

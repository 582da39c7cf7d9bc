"""How far one answer is from another."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from edge_common.tensors import Array


@dataclass(frozen=True, slots=True)
class Gap:
    """Of one output of one sample: the largest difference, in itself and `scaled` by max(1, |want|), and their sum.

    `told` of the `count` values are numbers or text, not NaN or infinity in both, which tells nothing. Of floats,
    `apart` is the sum of the squared differences and `whole` that of the squared numbers. `fault` says what keeps the
    two from being compared at all; the differences are then infinite.
    """

    scaled: float
    largest: float
    total: float
    count: int
    fault: str = ""
    told: int = 0
    apart: float = 0.0
    whole: float = 0.0


def gap(want: Array, got: Array) -> Gap:
    """Return how far `got` is from `want`. NaN and infinity equal themselves, and are infinitely far from all else.

    Another text is 1 off. Types may differ: what counts is the value.
    """
    if want.shape != got.shape:
        return _unlike(want, got)
    if (want.dtype.kind in "OU") != (got.dtype.kind in "OU"):
        return _unlike(want, got)
    if not want.size:
        return Gap(0.0, 0.0, 0.0, 0)
    if want.dtype.kind in "OU":
        off = (want != got).astype(np.float64)
        return Gap(float(off.max()), float(off.max()), float(off.sum()), off.size, told=off.size)
    return _numbers(want.astype(np.float64), got.astype(np.float64), "f" in (want.dtype.kind, got.dtype.kind))


def apart(want: Array, got: Array) -> Array:
    """Return |got - want| in float64 of numbers of one shape; 0 where both are NaN, infinite where only one is."""
    want, got = want.astype(np.float64), got.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        off: Array = np.abs(got - want)
    off[np.isnan(off)] = inf
    off[(want == got) | (np.isnan(want) & np.isnan(got))] = 0
    return off


def _numbers(want: Array, got: Array, floats: bool) -> Gap:
    off = apart(want, got)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.where((off == 0) | np.isinf(off), off, off / np.maximum(1, np.abs(want)))
        known = want[np.isfinite(want)]
        squares = (float(np.square(off).sum()), float(np.square(known).sum())) if floats else (0.0, 0.0)
    # An infinity beside the same tells no more than NaN beside NaN.
    told = off.size - int(np.count_nonzero(~np.isfinite(want) & ~np.isfinite(got)))
    return Gap(float(scaled.max()), float(off.max()), float(off.sum()), off.size, "", told, *squares)


def _unlike(want: Array, got: Array) -> Gap:
    return Gap(inf, inf, inf, 1, f"want {_kind(want)}, found {_kind(got)}", told=1)


def _kind(array: Array) -> str:
    return f"{'text' if array.dtype.kind in 'OU' else array.dtype}{list(array.shape)}"

"""How far one answer is from another."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from edge_common.tensors import Array


@dataclass(frozen=True, slots=True)
class Gap:
    """Of one output of one sample: the largest difference, in itself and `scaled` by max(1, |want|), and their sum.

    `fault` says what keeps the two from being compared at all; the differences are then infinite.
    """

    scaled: float
    largest: float
    total: float
    count: int
    fault: str = ""


def gap(want: Array, got: Array) -> Gap:
    """Return how far `got` is from `want`. NaN and infinity equal themselves, and are infinitely far from all else.

    Another text is 1 off. Types may differ: what counts is the value.
    """
    if want.shape != got.shape:
        return Gap(inf, inf, inf, 1, f"want {_kind(want)}, found {_kind(got)}")
    if (want.dtype.kind in "OU") != (got.dtype.kind in "OU"):
        return Gap(inf, inf, inf, 1, f"want {_kind(want)}, found {_kind(got)}")
    if not want.size:
        return Gap(0.0, 0.0, 0.0, 0)
    if want.dtype.kind in "OU":
        off = (want != got).astype(np.float64)
        return Gap(float(off.max()), float(off.max()), float(off.sum()), off.size)
    return _numbers(want.astype(np.float64), got.astype(np.float64))


def _numbers(want: Array, got: Array) -> Gap:
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(got - want)
        scaled = off / np.maximum(1, np.abs(want))
    same = (want == got) | (np.isnan(want) & np.isnan(got))
    for array in (off, scaled):
        array[np.isnan(array)] = inf
        array[same] = 0
    return Gap(float(scaled.max()), float(off.max()), float(off.sum()), off.size)


def _kind(array: Array) -> str:
    return f"{'text' if array.dtype.kind in 'OU' else array.dtype}{list(array.shape)}"

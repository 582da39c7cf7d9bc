"""How far a converted model may be from its original."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`max_difference` is of |got - want| / max(1, |want|) of any value; `min_agreement`, `max_drop` are shares of 1.

    `max_relative` is of each float output over all samples: the root of the summed squares of the differences, by that
    of the answers. None is no bound: eight bits are held to their agreement and drop.
    """

    max_difference: float = 1e-3
    min_agreement: float = 0.999
    max_drop: float = 0.005
    max_relative: float | None = None


# What one value may be off tells little: outputs that are small throughout may be anything, and another order of
# colours may move no share by 0.01. The error relative to the whole output does tell.
_USUAL = Bounds(max_relative=1e-3)
# A resize in the graph rounds another way than OpenCV's, by up to a level of 255 a pixel: three small networks with
# their pre-processing inside had a relative error of up to 5e-3, on noise and on frames; told another order of colours,
# interpolation, mean or resize they had 0.06 and more.
_RESIZED = Bounds(max_difference=1e-2, max_relative=1e-2)
# It moves boxes by parts of a pixel, and drops one now and then whose score is at the limit.
_DETECTION = Bounds(max_difference=1e-2, min_agreement=0.99, max_relative=1e-2)


def bounds_for(
    task: str,
    max_difference: float | None = None,
    min_agreement: float | None = None,
    max_drop: float | None = None,
    *,
    max_relative: float | None = None,
    resized: bool = False,
) -> Bounds:
    """Return the bounds of a `task` (as in model.toml), those that are given in place of its own.

    `resized` says that the graph has its pre-processing inside, and the original has it in OpenCV or Pillow. Who lets
    a value differ by more, without saying `max_relative`, lets all of them.
    """
    usual = _DETECTION if task == "detection" else _RESIZED if resized else _USUAL
    if max_relative is None:
        max_relative = max(usual.max_relative or 0.0, max_difference or 0.0)
    return Bounds(
        max_difference=usual.max_difference if max_difference is None else max_difference,
        min_agreement=usual.min_agreement if min_agreement is None else min_agreement,
        max_drop=usual.max_drop if max_drop is None else max_drop,
        max_relative=max_relative,
    )


def fraction(text: str) -> float:
    """Return "99.9%" or "0.999" as 0.999; raise ValueError when it is no number."""
    return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def share(option: str, text: str, like: str = "99.9% or 0.999") -> float:
    """Return "99.9%" or "0.999" as 0.999; `like` is what a fault gives as an example.

    Raises:
        ModelError: no number, or one that is no share of a whole.
    """
    try:
        value = fraction(text)
    except ValueError:
        raise ModelError(f"{option}: want a share such as {like}, found {text!r:.60}") from None
    if not 0 <= value <= 1:
        raise ModelError(f"{option}: want a share from 0 to 1, or from 0% to 100%, found {text!r:.60}")
    return value


def percent(value: float) -> str:
    """Return a share as people read it: 0.99925 is "99.925 %"."""
    return f"{value * 100:.6g} %"

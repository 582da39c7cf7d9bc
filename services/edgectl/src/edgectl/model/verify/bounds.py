"""How far a converted model may be from its original."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`max_difference` is of |got - want| / max(1, |want|); the others are shares of 1.

    A correct conversion to float32 stays under 1e-4 with every converter that was tried; a wrong one is over 1e-2.
    """

    max_difference: float = 1e-3
    min_agreement: float = 0.999
    max_drop: float = 0.005


# A resize in the graph rounds another way than OpenCV's, by up to a level of 255 a pixel; a wrong normalisation or
# colour order still shows. It moves boxes by parts of a pixel, and drops one now and then whose score is at the limit.
_RESIZED = Bounds(max_difference=1e-2)
_DETECTION = Bounds(max_difference=1e-2, min_agreement=0.99)


def bounds_for(
    task: str,
    max_difference: float | None = None,
    min_agreement: float | None = None,
    max_drop: float | None = None,
    *,
    resized: bool = False,
) -> Bounds:
    """Return the bounds of a `task` (as in model.toml), those that are given in place of its own.

    `resized` says that the graph has its pre-processing inside, and the original has it in OpenCV or Pillow.
    """
    usual = _DETECTION if task == "detection" else _RESIZED if resized else Bounds()
    return Bounds(
        max_difference=usual.max_difference if max_difference is None else max_difference,
        min_agreement=usual.min_agreement if min_agreement is None else min_agreement,
        max_drop=usual.max_drop if max_drop is None else max_drop,
    )


def share(option: str, text: str) -> float:
    """Return "99.9%" or "0.999" as 0.999.

    Raises:
        ModelError: no number, or one that is no share of a whole.
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise ModelError(f"{option}: want a share such as 99.9% or 0.999, found {text!r:.60}") from None
    if not 0 <= value <= 1:
        raise ModelError(f"{option}: want a share from 0 to 1, or from 0% to 100%, found {text!r:.60}")
    return value


def percent(value: float) -> str:
    """Return a share as people read it: 0.99925 is "99.925 %"."""
    return f"{value * 100:.6g} %"

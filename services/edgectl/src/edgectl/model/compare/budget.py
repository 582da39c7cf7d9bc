"""`--budget p95_ms=40,size_mb=2,accuracy=0.95`: what the second model may cost, and what it must be worth."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from edgectl.model.errors import ModelError
from edgectl.model.verify.bounds import fraction

# Key -> whether it is a floor. `accuracy` is the metric of the task, whatever its name.
KEYS: Mapping[str, bool] = {
    "size_mb": False,
    "load_ms": False,
    "memory_mb": False,
    "p50_ms": False,
    "p95_ms": False,
    "p99_ms": False,
    "per_s": True,
    "accuracy": True,
    "agreement": True,
}


def budget_of(text: str | None) -> dict[str, float]:
    """Return key -> bound of `key=number,...`; shares may be written 99.5%.

    Raises:
        ModelError: another key, or no number.
    """
    pairs = [part.partition("=") for part in text.split(",")] if text else []
    return {key.strip(): _number(key.strip(), value.strip()) for key, _, value in pairs}


def _number(key: str, text: str) -> float:
    if key not in KEYS:
        raise ModelError(f"--budget: want key=number with one of {', '.join(KEYS)}, found {key!r:.60}")
    try:
        value = fraction(text)
    except ValueError:
        raise ModelError(f"--budget {key}: want a number, found {text!r:.60}") from None
    if not (isfinite(value) and value >= 0):
        raise ModelError(f"--budget {key}: want a number of 0 or more, found {text!r:.60}")
    return value


def passed(budget: Mapping[str, float], found: Mapping[str, float]) -> list[str]:
    """Return one line for each bound that `found` (key -> value) passes: which, and by how much.

    Raises:
        ModelError: a bound on something that was not measured.
    """
    lines = []
    for key, bound in budget.items():
        if key not in found:
            needs = {"accuracy": "labels (--labels)", "agreement": "answers that name classes"}[key]
            raise ModelError(f"--budget {key}: want {needs} to measure it, found none")
        least, value = KEYS[key], found[key]
        if not (value >= bound if least else value <= bound):
            wanted = "at least" if least else "at most"
            lines.append(f"{key}: want {wanted} {bound:g} (--budget), found {value:.4g}: {abs(value - bound):.3g} off")
    return lines

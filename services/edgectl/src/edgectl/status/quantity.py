"""Quantities as Kubernetes writes them, and as people read them."""

from __future__ import annotations

import re

_UNITS = {
    "": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip
_WRITTEN = re.compile(r"([0-9.]+(?:e[0-9]+)?)([a-zA-Z]*)")


def quantity(text: str) -> float | None:
    """Return cores or bytes of `500m`, `256Mi`, `1`; None for what is not there or no quantity."""
    found = _WRITTEN.fullmatch(text)
    if not found or found[2] not in _UNITS:
        return None
    try:
        return float(found[1]) * _UNITS[found[2]]
    except ValueError:
        return None


def mib(count: float | None) -> str:
    return "-" if count is None else f"{count / 2**20:.0f}"


def ago(seconds: float) -> str:
    """Return `12s`, `5m`, `3h`, `2d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(0.0, seconds):.0f}s"

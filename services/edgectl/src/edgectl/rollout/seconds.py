"""`10m`, `90s`, `1h30m`: lengths of time as people write them."""

from __future__ import annotations

import re

from edge_common.errors import StartError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_WRITTEN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_LONGEST_S = 24 * 3600.0


def seconds_of(option: str, text: str, least: float) -> float:
    """Return the seconds.

    Raises:
        StartError: no such length, or not from `least` seconds to a day.
    """
    found = _WRITTEN.fullmatch(text)
    if not found or not text:
        raise StartError(f"{option} {text}: want a length of time such as 10m, 90s or 1h30m")
    length = sum(int(part) * unit for part, unit in zip(found.groups(), _UNITS.values(), strict=True) if part)
    if not least <= length <= _LONGEST_S:
        raise StartError(f"{option} {text}: want {least:g}s to 24h")
    return length

"""The chart edge-monitoring with rules that hurry: what they wait for in minutes, a test sees in seconds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from e2e.cluster import ROOT

CHART = ROOT / "charts" / "edge-monitoring"
MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"(\d+)(ms|s|m|h|d)")
_DURATION = r"(?:\d+(?:ms|s|m|h|d))+"
# `for: 5m`, `keep_firing_for: 5m`, `[5m]`, `[30m:1m]` and `offset 5m`; a recorded name such as `x:rate5m` is none of these.
_WHERE = re.compile(
    rf"(?<=for: ){_DURATION}\b|(?<=\[){_DURATION}(?=[\]:])|(?<=:){_DURATION}(?=\])|(?<=offset ){_DURATION}\b"
)


def divided(duration: str, factor: int) -> str:
    """Return a duration of Prometheus divided by `factor`.

    Raises:
        ValueError: it is no duration, or it would be no whole number of milliseconds.
    """
    if not re.fullmatch(_DURATION, duration):
        raise ValueError(f"want a duration such as 5m, found {duration}")
    whole = sum(int(number) * MILLISECONDS[unit] for number, unit in _PART.findall(duration))
    if whole % factor:
        raise ValueError(f"{duration} / {factor}: want whole milliseconds")
    short = whole // factor
    return f"{short}ms" if short % 1000 else f"{short // 1000}s"


def hurried(text: str, factor: int) -> str:
    """Return a rule file in which every duration is divided by `factor`, and nothing else is changed."""
    return _WHERE.sub(lambda found: divided(found.group(), factor), text)


def hurried_chart(folder: Path, factor: int) -> Path:
    """Write a copy of the chart into `folder` whose rules are `hurried`; return its path."""
    copy = folder / CHART.name
    shutil.copytree(CHART, copy)
    for file in sorted((copy / "rules").glob("*.yaml")):
        file.write_text(hurried(file.read_text(encoding="utf-8"), factor), encoding="utf-8")
    return copy

"""A run's result as a page."""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median
from typing import Any

from camera.cameras import FPS

Result = dict[str, Any]
_COLUMNS: dict[str, Callable[[Result], float]] = {
    "frames answered": lambda run: run["frames"],
    "CPU ms a frame": lambda run: run["cpu_ms_per_frame"],
    "age p50 ms": lambda run: run["age_ms"]["p50"],
    "age p95 ms": lambda run: run["age_ms"]["p95"],
    "age p99 ms": lambda run: run["age_ms"]["p99"],
}


def page(result: Result) -> str:
    """Return the Markdown page: the aims with what was found, both programs, and the stages."""
    return "\n".join([*_head(result), *_aims(result), *_programs(result), *_stages(result), ""])


def _head(result: Result) -> list[str]:
    return [
        f"# Cameras, {result['date']}",
        "",
        f"{result['cameras']} {result['sources']}, belt-detector and all else on the same {os.cpu_count()} cores; "
        f"{len(result['rounds'])} rounds, {result['seconds']:g} s of each program in each. "
        f"Load average {result['load_before']:.2f} before, {result['load_after']:.2f} after.",
        "",
    ]


def _aims(result: Result) -> list[str]:
    age, cost = (_COLUMNS[name] for name in ("age p95 ms", "CPU ms a frame"))
    limit, found = 2 * 1000 / FPS, median(_values(result, "edge-camera", age))
    shares = [cost(each["edge-camera"]) / cost(each["plain"]) for each in result["rounds"]]
    share = median(shares)
    return [
        "| Aim, by the median | wanted | found | |",
        "|---|---:|---:|---|",
        f"| p95 frame age, within two frame intervals | < {limit:g} ms | {found:.1f} ms | {_met(found < limit)} |",
        f"| CPU a frame, to the plain loop's of the same round | < 1 | {share:.2f} ({min(shares):.2f} to "
        f"{max(shares):.2f}) | {_met(share < 1)} |",
        "",
    ]


def _met(is_met: bool) -> str:
    return "met" if is_met else "not met"


def _programs(result: Result) -> list[str]:
    lines = [f"| min / median / max | {' | '.join(_COLUMNS)} |", "|---|" + "---:|" * len(_COLUMNS)]
    for program in ("edge-camera", "plain"):
        cells = [_spread(_values(result, program, column)) for column in _COLUMNS.values()]
        lines.append(f"| {program} | {' | '.join(cells)} |")
    return [*lines, ""]


def _stages(result: Result) -> list[str]:
    runs = [each["edge-camera"]["stages_ms"] for each in result["rounds"]]
    extras = result["mask_and_motion"]
    lines = [
        "| stage, ms a frame answered | CPU, min / median / max | time, median | CPU with mask and motion |",
        "|---|---:|---:|---:|",
    ]
    for name in extras["stages_ms"]:
        found = [run[name] for run in runs if name in run]
        cpu = _spread([stage["cpu"] for stage in found]) if found else "–"
        walls = [stage["wall"] for stage in found if stage["wall"] is not None]
        wall = f"{median(walls):.3g}" if walls else "–"
        lines.append(f"| {name} | {cpu} | {wall} | {extras['stages_ms'][name]['cpu']:g} |")
    return [
        *lines,
        "",
        f"With a mask and the motion gate: {extras['frames']} frames answered, "
        f"{extras['cpu_ms_per_frame']:g} ms of CPU each.",
    ]


def _values(result: Result, program: str, column: Callable[[Result], float]) -> list[float]:
    return [column(each[program]) for each in result["rounds"]]


def _spread(values: list[float]) -> str:
    return " / ".join(f"{round(value, 2):g}" for value in (min(values), median(values), max(values)))

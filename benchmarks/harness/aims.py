"""What the figures have to reach, as ratios taken within a round, and whether they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

Results = Mapping[str, Any]
Sample = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Aim:
    """`found` is None when its yardstick was not measured; `at_least` tells which side of `wanted` is right."""

    text: str
    wanted: float
    found: float | None
    at_least: bool
    unit: str = ""

    @property
    def met(self) -> bool | None:
        if self.found is None:
            return None
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted


def aims(results: Results) -> list[Aim]:
    """Return every aim with what was found."""
    tabular, cnn = results["tabular"], results["cnn"]
    memory = max(case["edge"]["alone_mb"] for case in results["memory"].values())
    return [
        Aim("tabular requests/s, times MLServer's, 16 connections", 6, _rate(tabular["16"], "mlserver"), True, "x"),
        Aim("tabular requests/s, share of raw's, 16 connections", 1 / 15, _rate(tabular["16"], "raw"), True),
        Aim("CNN p50, floor's over ours, 1 connection", 0.95, _p50(cnn["1"]), True),
        Aim("CNN p50, floor's over ours, 4 connections", 0.95, _p50(cnn["4"]), True),
        Aim("tabular p50 overhead, share of MLServer's, 1 connection", 0.5, _overhead(tabular["1"]), False),
        Aim("cold start, exec to ready", 0.3, median(results["cold_start_s"]["edge"]), False, " s"),
        Aim("memory of the whole service after load, larger of both models", 75, memory, False, " MB PSS"),
    ]


def _rate(rounds: Mapping[str, list[Sample]], other: str) -> float | None:
    return _over(rounds, "edge", other, lambda sample, _: sample["rps"])


def _p50(rounds: Mapping[str, list[Sample]]) -> float | None:
    return _over(rounds, "floor", "edge", lambda sample, _: sample["p50_us"])


def _overhead(rounds: Mapping[str, list[Sample]]) -> float | None:
    return _over(rounds, "edge", "mlserver", lambda sample, raw: sample["p50_us"] - raw["p50_us"])


def _over(
    rounds: Mapping[str, list[Sample]], upper: str, lower: str, value: Callable[[Sample, Sample], float]
) -> float | None:
    """Median over the rounds of value(upper) / value(lower): a busy round slows both sides of its own ratio."""
    if upper not in rounds or lower not in rounds:
        return None
    ratios = [
        value(above, raw) / value(below, raw)
        for above, below, raw in zip(rounds[upper], rounds[lower], rounds["raw"], strict=True)
    ]
    return median(ratios)

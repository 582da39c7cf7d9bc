"""Sixty-second windows of a chest strap's heartbeats, generated beat by beat, reduced to eight features.

Normal windows are of resting, walking and running people. Anomalies are an irregular rhythm, a heart that races at
rest, pauses between beats, and a strap that slips; mild ones lie among the normal windows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

SECONDS = 60
FEATURES = (
    ("mean_rate", "1/min"),
    ("min_rate", "1/min"),
    ("max_rate", "1/min"),
    ("sdnn", "ms"),
    ("rmssd", "ms"),
    ("pnn50", "share"),
    ("longest_gap", "ms"),
    ("motion", "g"),
)


def windows(count: int, anomalous: float, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return features [count, 8] and labels [count] (1 = anomaly), of which a share of `anomalous`."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < anomalous).astype(np.int64)
    return np.stack([_window(rng, bool(label)) for label in labels]), labels


def _window(rng: Rng, anomaly: bool) -> Floats:
    motion = float(rng.choice([0.03, 0.35, 0.9], p=[0.5, 0.3, 0.2]) * rng.uniform(0.6, 1.5))
    beats = _beats(rng, motion)
    if anomaly:
        kinds: tuple[Callable[[Rng, Floats], Floats], ...] = (_irregular, _racing, _pausing, _slipping)
        beats = kinds[int(rng.integers(len(kinds)))](rng, beats)
        motion = motion if rng.random() < 0.5 else 0.03 * rng.uniform(0.6, 1.5)
    return _features(beats, motion)


def _beats(rng: Rng, motion: float) -> Floats:
    """Return intervals in ms: a rate that follows motion, breathing that moves it, and a slow drift."""
    rate = rng.normal(64, 8) + 75 * np.tanh(1.2 * motion) + rng.normal(0, 6)
    base = 60_000 / float(np.clip(rate, 44, 185))
    count = int(SECONDS * 1000 / base)
    seconds = np.arange(count) * base / 1000
    # A calm heart follows the breath more than a busy one.
    breath = rng.uniform(12, 55) * np.exp(-motion * 2) * np.sin(2 * np.pi * seconds / rng.uniform(3.5, 6.5))
    drift = np.cumsum(rng.normal(0, 2.0, count))
    return np.asarray(np.clip(base + breath + drift + rng.normal(0, 6, count), 300, 1500))


def _irregular(rng: Rng, beats: Floats) -> Floats:
    return np.asarray(np.clip(beats * rng.lognormal(0, rng.uniform(0.08, 0.28), len(beats)), 280, 2000))


def _racing(rng: Rng, beats: Floats) -> Floats:
    """Fast and stiff: breath no longer moves it."""
    return np.asarray(np.clip(60_000 / rng.uniform(120, 190) + 0.15 * (beats - beats.mean()), 300, 1500))


def _pausing(rng: Rng, beats: Floats) -> Floats:
    late = beats.copy()
    late[rng.choice(len(beats), int(rng.integers(1, 5)), replace=False)] *= rng.uniform(1.5, 2.8)
    return late


def _slipping(rng: Rng, beats: Floats) -> Floats:
    """Beats that the strap missed, and sparks between them."""
    kept = beats.copy()
    missed = rng.random(len(kept)) < rng.uniform(0.03, 0.2)
    kept[missed] *= rng.integers(2, 4, int(missed.sum()))
    sparks = rng.random(len(kept)) < rng.uniform(0.0, 0.08)
    kept[sparks] *= rng.uniform(0.3, 0.7, int(sparks.sum()))
    return kept


def _features(beats: Floats, motion: float) -> Floats:
    steps = np.diff(beats)
    rates = 60_000 / beats
    low, high = np.quantile(rates, (0.02, 0.98))
    return np.array(
        [
            60_000 / beats.mean(),
            low,
            high,
            beats.std(),
            np.sqrt((steps**2).mean()),
            (abs(steps) > 50).mean(),
            beats.max(),
            motion,
        ]
    )

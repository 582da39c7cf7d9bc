"""Windows of a bearing's vibration, generated: healthy, or with a fault on the ball, the inner or the outer race.

A fault strikes once per pass; each strike rings the housing. The passes per turn are those of a 6205 bearing, and the
shaft turns at 1,700 to 1,850 a minute. Weak faults drown in the noise, as they do in plants.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LABELS = ("ball", "healthy", "inner race", "outer race")
RATE_HZ, SAMPLES = 12_000, 1024
# Strikes per turn of the shaft.
_PASSES = {"ball": 4.71, "inner race": 5.42, "outer race": 3.58}
# Where the housing rings, by what is struck, in Hz.
_RINGS = {"ball": 2400.0, "inner race": 3000.0, "outer race": 3600.0}


def windows(count: int, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return acceleration in g [count, 1024] at 12 kHz and the index of each one's label [count]."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(count) % len(LABELS)).astype(np.int64)
    return np.stack([_window(rng, LABELS[index]) for index in classes]).astype(np.float32), classes


def _window(rng: np.random.Generator, label: str) -> npt.NDArray[np.float64]:
    seconds = np.arange(SAMPLES) / RATE_HZ
    turn_hz = rng.uniform(1700, 1850) / 60
    signal = rng.standard_normal(SAMPLES) * rng.uniform(0.04, 0.09)
    for harmonic in (1, 2, 3):
        strength = rng.uniform(0.01, 0.08) / harmonic
        signal += strength * np.sin(2 * np.pi * harmonic * turn_hz * seconds + rng.uniform(0, 2 * np.pi))
    if label in _PASSES:
        signal += _strikes(rng, label, turn_hz, seconds)
    return signal


def _strikes(
    rng: np.random.Generator, label: str, turn_hz: float, seconds: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Decaying rings, one per pass with a little slip; those of the inner race swell as it turns through the load."""
    ring_hz, decay = _RINGS[label] * rng.uniform(0.8, 1.2), rng.uniform(600, 1200)
    strength, period = rng.uniform(0.06, 0.6), 1 / (_PASSES[label] * turn_hz)
    signal = np.zeros(SAMPLES)
    at = -rng.uniform(0, period)
    while at < seconds[-1]:
        after = np.clip(seconds - at, 0, None)
        load = 0.55 + 0.45 * np.cos(2 * np.pi * turn_hz * at) if label == "inner race" else 1.0
        burst = np.exp(-decay * after) * np.sin(2 * np.pi * ring_hz * after)
        signal += strength * load * rng.uniform(0.7, 1.3) * burst
        at += period * rng.normal(1, 0.015)
    return signal

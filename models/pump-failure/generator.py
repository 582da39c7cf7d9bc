"""Windows of pump telemetry, generated: ten seconds of vibration and temperature reduced to twelve features.

A hidden wear (0 healthy .. 1 worn out) drives every feature through its own gain and noise; a window is called
failing when the pump will stop within a day, which is drawn from a logistic curve of the wear. So healthy and failing
windows overlap, as they do in plants.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# name, unit, healthy mean, spread, change at full wear
FEATURES: tuple[tuple[str, str, float, float, float], ...] = (
    ("vibration_rms", "mm/s", 2.1, 0.45, 3.6),
    ("vibration_peak", "mm/s", 6.4, 1.5, 13.0),
    ("crest_factor", "", 3.1, 0.4, 1.1),
    ("kurtosis", "", 3.0, 0.5, 3.2),
    ("band_low", "mm/s", 1.2, 0.3, 0.9),
    ("band_blade", "mm/s", 0.9, 0.25, 1.2),
    ("band_bearing", "mm/s", 0.35, 0.12, 1.5),
    ("bearing_temp", "degC", 52.0, 5.0, 19.0),
    ("temp_slope", "K/h", 0.0, 0.8, 2.4),
    ("motor_current", "A", 14.5, 1.6, 2.2),
    ("flow", "m3/h", 38.0, 3.5, -7.0),
    ("speed", "1/min", 2940.0, 18.0, -12.0),
)
_STEEPNESS = 16.0
_LOAD_GAIN = 0.35


def windows(count: int, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return features [count, 12] and labels [count] (1 = failing); the same for the same seed."""
    rng = np.random.default_rng(seed)
    wear = rng.beta(1.1, 1.9, count)
    failing = rng.random(count) < 1 / (1 + np.exp(-_STEEPNESS * (wear - 0.5)))
    # Load moves several features together, so that no single threshold separates the classes.
    load = rng.standard_normal((count, 1))
    mean, spread, change = (np.array([feature[i] for feature in FEATURES], float) for i in (2, 3, 4))
    noise = rng.standard_normal((count, len(FEATURES))) + _LOAD_GAIN * load
    return mean + change * wear[:, None] ** 1.3 + spread * noise, failing.astype(np.int64)

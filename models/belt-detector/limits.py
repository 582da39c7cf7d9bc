"""Where the detector ends: recall and precision on parcels outside what it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from evaluate import Answer, evaluate
from scenes import Digits, Image, Parcel, random_scene

SCENES = 100
# Share of the trained size (92 to 168 pixels wide), and degrees of turn; the first of each is within the training.
SIZES = (1.0, 0.8, 0.6, 0.4, 1.3, 1.6)
ANGLES = (10, 20, 30, 45, 90)
CHANGES = len(SIZES) + len(ANGLES)


@dataclass(frozen=True, slots=True)
class Limit:
    """What was changed, and how the detector did on it (each 0..1)."""

    change: str
    precision: float
    recall: float


def limits(answer: Callable[[Image], Answer], digits: Digits, seed: int) -> Iterator[Limit]:
    """Yield one row per change, each on SCENES new scenes."""
    for size in SIZES:
        yield _limit(f"{92 * size:.0f} to {168 * size:.0f} pixels wide", answer, digits, seed, _sized(size))
    for angle in ANGLES:
        yield _limit(f"turned by {angle} degrees", answer, digits, seed, _turned(angle))


def _sized(share: float) -> Callable[[Parcel], Parcel]:
    return lambda parcel: replace(parcel, width=parcel.width * share, height=parcel.height * share)


def _turned(angle: float) -> Callable[[Parcel], Parcel]:
    """To the left and to the right, by the side the random angle took."""
    return lambda parcel: replace(parcel, angle=float(np.copysign(angle, parcel.angle)))


def _limit(
    name: str, answer: Callable[[Image], Answer], digits: Digits, seed: int, change: Callable[[Parcel], Parcel]
) -> Limit:
    rng = np.random.default_rng([seed, 30_000])
    scenes = [random_scene(rng, digits, change) for _ in range(SCENES)]
    result = evaluate([truth for _, truth in scenes], [answer(frame) for frame, _ in scenes])
    return Limit(name, result.precision, result.recall)

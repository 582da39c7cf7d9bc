"""Rendered pictures of brushed metal with scratches, and which pixels those cover.

Scratches run in any direction, brush marks in one; oil films and reflections brighten and darken without a scratch.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LABELS = ("metal", "scratch")
WIDTH, HEIGHT = 320, 240
# One picture in six has none: a segmenter must be able to find nothing.
WITHOUT = 1 / 6


def pictures(count: int, seed: int) -> tuple[Image, Image]:
    """Return RGB pictures [count, 240, 320, 3] and masks [count, 240, 320], 1 where a scratch is."""
    rng = np.random.default_rng(seed)
    pairs = [picture(rng) for _ in range(count)]
    return np.stack([frame for frame, _ in pairs]), np.stack([mask for _, mask in pairs])


def picture(rng: np.random.Generator) -> tuple[Image, Image]:
    """Return one RGB picture [240, 320, 3] and its mask [240, 320]."""
    metal = _brushed(rng)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(0 if rng.random() < WITHOUT else int(rng.integers(1, 5))):
        _scratch(rng, metal, mask)
    return _camera(rng, metal), mask


def _brushed(rng: np.random.Generator) -> Floats:
    """Grey 0..255 [240, 320]: noise drawn out along the brush, turned a little, with an oil film on some."""
    noise = rng.standard_normal((HEIGHT, WIDTH)).astype(np.float32)
    long = np.asarray(cv2.GaussianBlur(noise, (0, 0), 28, sigmaY=0.6))
    fine = np.asarray(cv2.GaussianBlur(noise[::-1], (0, 0), 5, sigmaY=0.5))
    marks = long / long.std() * rng.uniform(5, 13) + fine / fine.std() * rng.uniform(2, 6)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), rng.uniform(-8, 8), 1.15)
    metal = rng.uniform(95, 175) + np.asarray(cv2.warpAffine(marks, turn, (WIDTH, HEIGHT), borderMode=2))
    if rng.random() < 0.4:
        metal += rng.uniform(-28, 28) * _blob(rng)
    return np.asarray(metal, np.float32)


def _blob(rng: np.random.Generator) -> Floats:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    centre = (int(rng.uniform(0, WIDTH)), int(rng.uniform(0, HEIGHT)))
    cv2.ellipse(mask, centre, (int(rng.uniform(20, 110)), int(rng.uniform(10, 60))), rng.uniform(0, 180), 0, 360, 1, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(3, 14)), np.float32)


def _scratch(rng: np.random.Generator, metal: Floats, mask: Image) -> None:
    """A slightly bent groove: bright where it catches the light, dark beside; some fade into the brush marks."""
    start = rng.uniform((10, 10), (WIDTH - 10, HEIGHT - 10))
    angle, length, bend = rng.uniform(0, 2 * np.pi), rng.uniform(40, 190), rng.uniform(-0.5, 0.5)
    angles = angle + np.linspace(0, bend, 24)
    steps = np.stack([np.cos(angles), np.sin(angles)], -1) * length / 24
    line = (start + np.cumsum(steps, 0)).astype(np.int32)
    width = int(rng.integers(3, 7))
    groove = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.polylines(groove, [line], False, 1.0, width, cv2.LINE_AA)
    edge = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.polylines(edge, [line + np.array((1, 2), np.int32)], False, 1.0, max(1, width // 2), cv2.LINE_AA)
    strength = rng.uniform(18, 75) * rng.choice([1, 1, -1])
    metal += strength * groove - 0.5 * strength * edge
    mask[groove > 0.5] = 1


def _camera(rng: np.random.Generator, metal: Floats) -> Image:
    """Light with a slope, a reflection on some, colour, blur and noise."""
    light = rng.uniform(0.7, 1.2) * (1 + rng.uniform(-0.3, 0.3) * np.linspace(-0.5, 0.5, WIDTH, dtype=np.float32))
    grey = metal * light
    if rng.random() < 0.3:
        grey = grey + rng.uniform(20, 60) * _blob(rng)
    tint = rng.uniform(0.95, 1.05, 3).astype(np.float32)
    frame = np.asarray(cv2.GaussianBlur(grey[..., None] * tint, (0, 0), rng.uniform(0.4, 1.0)))
    frame = frame + rng.standard_normal((HEIGHT, WIDTH, 1), np.float32) * rng.uniform(1, 5)
    return np.clip(frame, 0, 255).astype(np.uint8)

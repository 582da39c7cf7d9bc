"""Rendered pictures of one parcel on a belt: intact, open, damaged or wet, in varied light.

Shadows, dark labels and missing tape come with every class, so that neither darkness nor an edge gives a class away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LABELS = ("damaged", "intact", "open", "wet")
WIDTH, HEIGHT = 320, 240
_SIDE = 160
# Cardboard, white, kraft, tan and grey-blue, as RGB.
_BOARDS = ((176, 132, 86), (214, 208, 198), (150, 108, 70), (196, 160, 112), (128, 140, 156))


def pictures(count: int, seed: int) -> Iterator[tuple[Image, int]]:
    """Yield `count` RGB pictures [240, 320, 3], each with the index of its label; as many of each class."""
    rng = np.random.default_rng(seed)
    for index in rng.permutation(np.arange(count) % len(LABELS)).tolist():
        yield picture(rng, LABELS[index]), index


def picture(rng: np.random.Generator, label: str) -> Image:
    """Return one RGB picture [240, 320, 3] of a parcel in the state `label`."""
    face = _face(rng, closed=label != "open")
    states: dict[str, Callable[[np.random.Generator, Floats], None]] = {"damaged": _damage, "wet": _wet, "open": _open}
    if label in states:
        states[label](rng, face)
    frame = _belt(rng)
    _place(rng, frame, face)
    return _camera(rng, frame)


def _face(rng: np.random.Generator, closed: bool) -> Floats:
    """A lid seen from above: board, grain, a seam, tape on most closed ones, an address label on most."""
    board = np.array(_BOARDS[rng.integers(len(_BOARDS))], np.float32) + rng.uniform(-14, 14, 3)
    face = np.empty((_SIDE, _SIDE, 3), np.float32)
    face[:] = board
    grain = cv2.GaussianBlur(rng.standard_normal((_SIDE, _SIDE)).astype(np.float32), (0, 0), 6, sigmaY=1)
    face *= 1 + 0.1 * np.asarray(grain)[..., None]
    cv2.rectangle(face, (0, 0), (_SIDE - 1, _SIDE - 1), (0.6 * board).tolist(), 3)
    middle = _SIDE // 2
    if closed and rng.random() < 0.75:
        face[middle - 11 : middle + 11] *= rng.uniform(1.05, 1.25)
    if closed:
        cv2.line(face, (0, middle), (_SIDE, middle), (0.7 * board).tolist(), 1)
    if rng.random() < 0.8:
        _address(rng, face)
    return face


def _address(rng: np.random.Generator, face: Floats) -> None:
    """A label with lines of print; one in five is dark, as a warning sign is."""
    x, y = (int(v) for v in rng.integers(10, 90, 2))
    width, height = int(rng.integers(36, 62)), int(rng.integers(26, 46))
    paper, ink = ((235.0,) * 3, (60.0,) * 3) if rng.random() < 0.8 else ((70.0, 40.0, 40.0), (220.0,) * 3)
    cv2.rectangle(face, (x, y), (x + width, y + height), paper, -1)
    for line in range(y + 6, y + height - 4, 7):
        cv2.line(face, (x + 5, line), (x + int(rng.integers(width // 2, width - 4)), line), ink, 2)


def _damage(rng: np.random.Generator, face: Floats) -> None:
    """A crushed corner, a tear, or a dent; small ones are hard to see."""
    rng.choice([_crush, _tear, _dent])(rng, face)  # type: ignore[arg-type]


def _crush(rng: np.random.Generator, face: Floats) -> None:
    depth = rng.uniform(30, 62)
    corner = rng.integers(0, 2, 2) * (_SIDE - 1)
    inward = np.where(corner == 0, 1, -1)
    along = [corner + inward * (depth * rng.uniform(0.8, 1.3), 0), corner + inward * (0, depth * rng.uniform(0.8, 1.3))]
    fold = corner + inward * depth * rng.uniform(0.3, 0.5)
    cv2.fillPoly(face, [np.array([corner, along[0], fold, along[1]], np.int32)], (32.0, 30.0, 30.0))
    for end in along:
        for _ in range(3):
            tip = fold + inward * rng.uniform(4, 0.8 * depth, 2)
            cv2.line(face, _point(end), _point(tip), _shade(face, tip, rng.choice([0.6, 1.35])), 2)


def _tear(rng: np.random.Generator, face: Floats) -> None:
    start, angle = rng.uniform(30, _SIDE - 30, 2), rng.uniform(0, np.pi)
    length, steps = rng.uniform(40, 95), 9
    way = np.array([np.cos(angle), np.sin(angle)])
    side = np.array([-way[1], way[0]])
    spread = np.sin(np.linspace(0, np.pi, steps))[:, None] * rng.uniform(4, 12)
    line = start + (np.linspace(-0.5, 0.5, steps) * length)[:, None] * way
    upper, lower = (line + sign * spread * rng.uniform(0.4, 1.2, (steps, 1)) * side for sign in (1, -1))
    outline = np.concatenate([upper, lower[::-1]]).astype(np.int32)
    cv2.fillPoly(face, [outline], (38.0, 34.0, 32.0))
    cv2.polylines(face, [outline], True, _shade(face, start, 1.4), 2)


def _dent(rng: np.random.Generator, face: Floats) -> None:
    """Dark on the side of the light, bright on the other, with a crease."""
    centre, radius = rng.uniform(40, _SIDE - 40, 2), rng.uniform(20, 38)
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    far = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / radius**2
    slope = (x - centre[0] + y - centre[1]) / radius * np.exp(-far)
    face *= 1 + rng.uniform(0.7, 1.1) * slope[..., None]
    ends = centre + rng.uniform(-1, 1, (2, 2)) * radius
    cv2.line(face, _point(ends[0]), _point(ends[1]), _shade(face, centre, 0.55), 2)


def _wet(rng: np.random.Generator, face: Floats) -> None:
    """A blotch from the edge inwards, with a ragged outline and a darker rim, as water dries."""
    noise = np.asarray(cv2.GaussianBlur(rng.standard_normal((_SIDE, _SIDE)).astype(np.float32), (0, 0), 9))
    ragged = noise / noise.std() * 0.35
    centre = np.array([rng.uniform(0, _SIDE), rng.choice([0.0, _SIDE])])[:: rng.choice([1, -1])]
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    far = np.hypot(x - centre[0], y - centre[1]) / rng.uniform(45, 110) + ragged
    soaked = 1 / (1 + np.exp((far - 1) * 14))
    rim = np.exp(-(((far - 1) * 7) ** 2))
    strength = rng.uniform(0.24, 0.5)
    face *= 1 - strength * soaked[..., None] * np.array([0.85, 1.0, 1.15], np.float32) - 0.12 * rim[..., None]


def _open(rng: np.random.Generator, face: Floats) -> None:
    """A dark gap where the seam was, with something in it; the flaps' edges catch the light."""
    half, middle, margin = rng.uniform(9, 42), _SIDE / 2, rng.uniform(0, 14)
    tilt = rng.uniform(-6, 6)
    gap = [(margin, middle - half), (_SIDE - margin, middle - half + tilt)]
    gap += [(_SIDE - margin, middle + half + tilt), (margin, middle + half)]
    outline = np.array(gap, np.int32)
    cv2.fillPoly(face, [outline], (46.0, 40.0, 36.0))
    if rng.random() < 0.7 and half > 14:
        colour = rng.uniform(60, 170, 3).tolist()
        cv2.circle(face, (int(rng.uniform(40, 120)), int(middle)), int(0.6 * half), colour, -1)
    for first, second in ((0, 1), (2, 3)):
        cv2.line(face, _point(outline[first]), _point(outline[second]), _shade(face, outline[first] * 0 + 12, 1.3), 3)


def _place(rng: np.random.Generator, frame: Floats, face: Floats) -> None:
    """Warp the lid to where the parcel lies, over its shadow."""
    size = (rng.uniform(150, 215), rng.uniform(140, 185))
    centre = (WIDTH / 2 + rng.uniform(-30, 30), HEIGHT / 2 + rng.uniform(-12, 12))
    corners = np.asarray(cv2.boxPoints((centre, size, rng.uniform(-40, 40))), np.float32)
    corners += rng.uniform(-8, 8, (4, 2)).astype(np.float32)
    shadow = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.fillConvexPoly(shadow, (corners + 8).astype(np.int32), 1.0)
    frame *= 1 - 0.5 * np.asarray(cv2.GaussianBlur(shadow, (0, 0), 5))[..., None]
    last = _SIDE - 1
    lid = np.array([(0, last), (0, 0), (last, 0), (last, last)], np.float32)
    matrix = cv2.getPerspectiveTransform(lid, corners)
    mask = cv2.warpPerspective(np.ones((_SIDE, _SIDE), np.float32), matrix, (WIDTH, HEIGHT))[..., None]
    frame[:] = frame * (1 - mask) + cv2.warpPerspective(face, matrix, (WIDTH, HEIGHT)) * mask


def _belt(rng: np.random.Generator) -> Floats:
    ribs = 5 * np.sin((np.arange(WIDTH, dtype=np.float32) + rng.uniform(0, 32)) * 2 * np.pi / 32)
    frame = np.empty((HEIGHT, WIDTH, 3), np.float32)
    frame[:] = (rng.uniform(36, 90) + ribs)[None, :, None]
    return frame


def _camera(rng: np.random.Generator, frame: Floats) -> Image:
    """Light, its slope and colour, a shadow across half of the pictures, blur and noise."""
    light = rng.uniform(0.55, 1.25) * (1 + rng.uniform(-0.35, 0.35) * np.linspace(-0.5, 0.5, WIDTH, dtype=np.float32))
    warmth = rng.uniform(-0.08, 0.08)
    frame = frame * light[None, :, None] * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    if rng.random() < 0.5:
        frame *= _cast_shadow(rng)
    if (blur := rng.uniform(-1, 1.5)) > 0.3:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), blur))
    frame = frame + rng.standard_normal((HEIGHT, WIDTH, 1), np.float32) * rng.uniform(1, 6)
    return np.clip(frame, 0, 255).astype(np.uint8)


def _cast_shadow(rng: np.random.Generator) -> Floats:
    """A soft band or blob, as a post or a person throws: dark as water, but over belt and parcel alike."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    centre = (int(rng.uniform(0, WIDTH)), int(rng.uniform(0, HEIGHT)))
    axes = (int(rng.uniform(20, 160)), int(rng.uniform(20, 60)))
    cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(2, 9)), np.float32)
    return (1 - rng.uniform(0.2, 0.45) * soft)[..., None]


def _point(place: npt.NDArray[np.generic]) -> tuple[int, int]:
    return int(place[0]), int(place[1])


def _shade(face: Floats, place: npt.NDArray[np.generic], factor: float) -> list[float]:
    """The colour of the board at `place`, lighter or darker."""
    x, y = np.clip(np.asarray(place, int), 0, _SIDE - 1)
    shade: list[float] = np.clip(face[y, x] * factor, 0, 255).tolist()
    return shade

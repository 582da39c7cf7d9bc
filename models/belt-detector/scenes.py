"""Generated belt scenes: parcels with real handwritten digits on a moving conveyor, in varied light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

Image = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 640, 480
# Cardboard, white, grey-blue and tan, as RGB.
_BOARD = ((176, 132, 86), (150, 108, 70), (206, 198, 188), (120, 134, 152), (196, 160, 112))
# Of a parcel, this share must be in the picture and uncovered to count as a target.
MIN_VISIBLE = 0.7


@dataclass(frozen=True, slots=True)
class Digits:
    """8x8 images (float 0..1) and their labels, one split of scikit-learn's bundled set."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def split_digits(seed: int) -> dict[str, Digits]:
    """Split the 1,797 digits by sample into train (70 %), val (10 %) and test (20 %)."""
    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    cuts = np.split(order, [int(0.7 * len(order)), int(0.8 * len(order))])
    return {
        name: Digits((data.images[part] / 16).astype(np.float32), data.target[part].astype(np.int64))
        for name, part in zip(("train", "val", "test"), cuts, strict=True)
    }


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel: centre in pixels, size, angle in degrees, colours, and the digit on its label."""

    x: float
    y: float
    width: float
    height: float
    angle: float
    board: tuple[int, int, int]
    ink: int
    label: int
    digit: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """Light, blur and noise of one scene or clip."""

    gain: float
    slope: float
    warmth: float
    blur: float
    noise: float
    belt: int


@dataclass(frozen=True, slots=True)
class Truth:
    """Box x1 y1 x2 y2 in pixels (clipped to the picture), label, and the visible share of the parcel."""

    box: tuple[float, float, float, float]
    label: int
    visible: float


def random_look(rng: np.random.Generator) -> Look:
    return Look(
        gain=rng.uniform(0.55, 1.25),
        slope=rng.uniform(-0.35, 0.35),
        warmth=rng.uniform(-0.08, 0.08),
        blur=rng.choice([0.0, 0.0, 0.8, 1.4, 2.0]) * rng.uniform(0.5, 1.0),
        noise=rng.uniform(1.0, 9.0),
        belt=int(rng.integers(36, 78)),
    )


def random_parcel(rng: np.random.Generator, digits: Digits, x: float, y: float) -> Parcel:
    index = int(rng.integers(len(digits.labels)))
    width = rng.uniform(92, 168)
    board = np.array(_BOARD[rng.integers(len(_BOARD))]) + rng.integers(-14, 15, 3)
    red, green, blue = (int(v) for v in np.clip(board, 0, 255))
    return Parcel(
        x,
        y,
        width,
        width * rng.uniform(0.78, 1.15),
        rng.uniform(-12, 12),
        (red, green, blue),
        int(rng.integers(10, 60)),
        int(digits.labels[index]),
        digits.images[index],
    )


def random_scene(
    rng: np.random.Generator, digits: Digits, change: Callable[[Parcel], Parcel] = lambda parcel: parcel
) -> tuple[Image, list[Truth]]:
    """Return one RGB frame [480, 640, 3] with up to six parcels, some of them overlapping; `change` alters each."""
    parcels: list[Parcel] = []
    for _ in range(int(rng.integers(0, 7))):
        for _attempt in range(8):
            x, y = rng.uniform(-20, WIDTH + 20), rng.uniform(110, HEIGHT - 110)
            # Most stand apart; a tenth may touch or overlap a neighbour.
            near = 95 if rng.random() < 0.1 else 150
            if all(np.hypot(x - p.x, y - p.y) > near for p in parcels):
                parcels.append(change(random_parcel(rng, digits, x, y)))
                break
    return render(rng, parcels, random_look(rng), rng.uniform(0, 1000))


def render(rng: np.random.Generator, parcels: list[Parcel], look: Look, offset: float) -> tuple[Image, list[Truth]]:
    """Draw `parcels` (later ones on top) on a belt moved by `offset` pixels; return the RGB frame and the truth."""
    frame = _belt(look, offset)
    owner = np.full((HEIGHT, WIDTH), -1, np.int16)
    boxes, areas = [], []
    for index, parcel in enumerate(parcels):
        corners = cv2.boxPoints(((parcel.x, parcel.y), (parcel.width, parcel.height), parcel.angle)).astype(
            np.float32, copy=False
        )
        _draw(frame, owner, index, parcel, corners)
        boxes.append((*corners.min(0), *corners.max(0)))
        areas.append(parcel.width * parcel.height)
    seen = np.bincount(owner[owner >= 0].ravel(), minlength=len(parcels)) if parcels else np.zeros(0)
    truth = [
        Truth(_clip(box), parcel.label, min(1.0, float(seen[i]) / area))
        for i, (box, area, parcel) in enumerate(zip(boxes, areas, parcels, strict=True))
        if seen[i] > 0.05 * area
    ]
    return _camera(rng, frame, look), truth


def _clip(box: tuple[float, ...]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(WIDTH)), min(y2, float(HEIGHT))


def _belt(look: Look, offset: float) -> npt.NDArray[np.float32]:
    columns = (np.arange(WIDTH) - offset).astype(np.float32)
    ribs = 5.0 * np.sin(columns * 2 * np.pi / 32) + 7.0 * (np.mod(columns, 256) < 5)
    frame = np.empty((HEIGHT, WIDTH, 3), np.float32)
    frame[:] = (look.belt + ribs)[None, :, None]
    for y, shade in ((0, 128.0), (44, 170.0), (HEIGHT - 44, 170.0)):
        frame[y : y + (44 if y != 44 else 6)] = shade * 0.7
    frame[50 : 50 + 4] *= 0.5
    frame[HEIGHT - 48 : HEIGHT - 44] *= 0.5
    # Hazard marks on the rails stand still while the belt moves.
    for x in range(0, WIDTH, 80):
        for top in (10, HEIGHT - 34):
            cv2.fillConvexPoly(
                frame, np.array([(x, top + 24), (x + 24, top), (x + 48, top), (x + 24, top + 24)]), (190.0, 160.0, 40.0)
            )
    return frame


def _draw(
    frame: npt.NDArray[np.float32],
    owner: npt.NDArray[np.int16],
    index: int,
    parcel: Parcel,
    corners: npt.NDArray[np.float32],
) -> None:
    """Shadow, then the parcel's face (drawn upright, then warped into place)."""
    shadow = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.fillConvexPoly(shadow, np.add(corners, (7, 9)).astype(np.int32), 1.0)
    frame *= 1 - 0.45 * cv2.GaussianBlur(shadow, (0, 0), 5)[..., None]
    face = _face(parcel)
    side = face.shape[0]
    source = np.array([(0, side - 1), (0, 0), (side - 1, 0), (side - 1, side - 1)], np.float32)
    target = cv2.boxPoints(((parcel.x, parcel.y), (parcel.width, parcel.height), parcel.angle)).astype(np.float32)
    # boxPoints turns with the angle: start at its corner that is bottom-left of the upright face.
    turn = np.deg2rad(parcel.angle)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    local = (target - (parcel.x, parcel.y)) @ axes.T
    half = np.array([parcel.width, parcel.height], np.float32) / 2
    source = ((local / half + 1) / 2 * (side - 1)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    warped = cv2.warpPerspective(face, matrix, (WIDTH, HEIGHT))
    mask = cv2.warpPerspective(np.ones(face.shape[:2], np.float32), matrix, (WIDTH, HEIGHT))
    frame[:] = frame * (1 - mask[..., None]) + warped * mask[..., None]
    owner[mask > 0.5] = index


def _face(parcel: Parcel, side: int = 160) -> npt.NDArray[np.float32]:
    face = np.empty((side, side, 3), np.float32)
    face[:] = parcel.board
    face *= np.linspace(1.06, 0.94, side, dtype=np.float32)[:, None, None]
    face[:, int(side * 0.44) : int(side * 0.56)] *= 1.08
    cv2.rectangle(face, (0, 0), (side - 1, side - 1), tuple(0.6 * v for v in parcel.board), 4)
    low, high = int(side * 0.14), int(side * 0.86)
    cv2.rectangle(face, (low, low), (high, high), (236.0, 234.0, 228.0), -1)
    cv2.rectangle(face, (low, low), (high, high), (150.0, 148.0, 142.0), 1)
    ink = cv2.resize(parcel.digit, (high - low - 12, high - low - 12), interpolation=cv2.INTER_CUBIC)
    # A pen's stroke has an edge; the 8x8 set has been averaged into grey.
    ink = np.clip((ink - 0.22) * 1.9, 0, 1)[..., None]
    label = face[low + 6 : high - 6, low + 6 : high - 6]
    label[:] = label * (1 - ink) + parcel.ink * ink
    return face


def _camera(rng: np.random.Generator, frame: npt.NDArray[np.float32], look: Look) -> Image:
    light = look.gain * (1 + look.slope * np.linspace(-0.5, 0.5, WIDTH, dtype=np.float32))
    frame = frame * light[None, :, None] * np.array([1 + look.warmth, 1, 1 - look.warmth], np.float32)
    if look.blur > 0.3:
        frame = cv2.GaussianBlur(frame, (0, 0), look.blur).astype(np.float32, copy=False)
    noise = rng.standard_normal((HEIGHT, WIDTH, 1), np.float32) * look.noise
    return np.clip(frame + noise, 0, 255).astype(np.uint8)

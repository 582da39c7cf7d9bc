"""A small grey picture of a frame: what motion and health look at."""

from __future__ import annotations

import cv2
import numpy as np

from edge_camera.frame import Pixels


def small_grey(pixels: Pixels, side: int, interpolation: int) -> Pixels | None:
    """Return `pixels` as grey uint8 [h, w], its longer side at most `side`; None when there is no picture in it.

    Takes uint8 [h, w] and [h, w, c] with 1 channel (grey), 3 (BGR) or 4 (BGRA). `interpolation` is OpenCV's: AREA
    averages every pixel and so the noise too, LINEAR reads four a cell and costs the same for any frame size.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in {2, 3} or not pixels.size:
        return None
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if interpolation == cv2.INTER_AREA:  # grey first: one channel to average instead of three
        return _resize(_grey(pixels), size, interpolation)
    return _grey(_resize(pixels, size, interpolation))


def _resize(pixels: Pixels, size: tuple[int, int], interpolation: int) -> Pixels:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.uint8)


def _grey(pixels: Pixels) -> Pixels:
    channels = pixels.shape[2] if pixels.ndim == 3 else 0
    if channels in {3, 4}:
        code = cv2.COLOR_BGR2GRAY if channels == 3 else cv2.COLOR_BGRA2GRAY
        return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)
    return np.ascontiguousarray(pixels[..., 0] if channels else pixels)

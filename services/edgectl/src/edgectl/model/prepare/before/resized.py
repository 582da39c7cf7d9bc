"""Resizing by the libraries themselves."""

from __future__ import annotations

import numpy as np

from edge_common.tensors import Array
from edgectl.model.prepare.before.libraries import opencv, pillow
from edgectl.model.prepare.before.spec import Interpolation


def resized(picture: Array, size: tuple[int, int], interpolation: Interpolation) -> Array:
    """Return `picture` uint8 [H, W, 3] at `size` (width, height), as the library gives it.

    uint8, or float32 for "tf-bilinear", which OpenCV computes here: TensorFlow is not asked for.
    """
    match interpolation:
        case "pil-bilinear" | "pil-bicubic":
            return _by_pillow(picture, size, interpolation)
        case "tf-bilinear":
            return _by_opencv(picture.astype(np.float32), size, "INTER_LINEAR")
        case "cv2-linear":
            return _by_opencv(picture, size, "INTER_LINEAR")
        case "cv2-cubic":
            return _by_opencv(picture, size, "INTER_CUBIC")
        case "cv2-nearest":
            return _by_opencv(picture, size, "INTER_NEAREST")


def _by_opencv(picture: Array, size: tuple[int, int], flag: str) -> Array:
    cv2 = opencv()
    made: Array = cv2.resize(np.ascontiguousarray(picture), size, interpolation=getattr(cv2, flag))
    return made


def _by_pillow(picture: Array, size: tuple[int, int], interpolation: Interpolation) -> Array:
    """Width first, then height: up to version 12 Pillow did so by itself, since then it takes what is faster."""
    images = pillow()
    filter_ = images.Resampling.BILINEAR if interpolation == "pil-bilinear" else images.Resampling.BICUBIC
    image = images.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((size[0], image.height), filter_).resize(size, filter_))

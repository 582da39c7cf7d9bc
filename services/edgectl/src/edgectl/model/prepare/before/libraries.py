"""The libraries of the references, which a graph does not need."""

from __future__ import annotations

from typing import Any

from edgectl.model.errors import ModelError
from edgectl.model.extras import how_to_install

_MISSING = "the reference of pre- and post-processing: want {}, found no such package: {}"


def opencv() -> Any:
    """Return the module cv2; raise ModelError when it is not installed."""
    try:
        import cv2
    except ModuleNotFoundError:
        raise ModelError(_MISSING.format("OpenCV", how_to_install("pictures"))) from None
    return cv2


def pillow() -> Any:
    """Return the module PIL.Image; raise ModelError when it is not installed."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ModelError(_MISSING.format("Pillow", how_to_install("pictures"))) from None
    return Image

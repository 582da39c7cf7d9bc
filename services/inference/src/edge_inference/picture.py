"""A JPEG or PNG as the pixels a model takes: bounded before it is decoded, upright, eight bits a channel."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge_common.errors import InvalidInput
from edge_common.tensors import Array

MAGIC = (b"\xff\xd8\xff", b"\x89PNG")
# What Pillow raises over damaged files, those of its EXIF reader included.
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
    # Where warnings are errors.
    Warning,
)


def decode_image(body: bytes, max_side: int, max_pixels: int) -> tuple[Array, float]:
    """Return uint8 [H, W, 3] RGB with no side over `max_side`, and the factor it was scaled by.

    Raises:
        InvalidInput: not a JPEG or PNG, damaged, or more than `max_pixels`, which is read from the header
            before any pixel is decoded.
    """
    if not body.startswith(MAGIC):
        raise InvalidInput(f"not a JPEG or PNG: it begins with {body[:8]!r}")
    try:
        with Image.open(io.BytesIO(body), formats=("JPEG", "PNG")) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise InvalidInput(f"image of {width}x{height} pixels: at most {max_pixels} are accepted")
            image.draft("RGB", (max_side, max_side))
            # Scaled first: turning and converting then touch few pixels, and make no full copy.
            small = _eight_bits(image)
            small.thumbnail((max_side, max_side))
            small = _upright(small).convert("RGB")
    except UnidentifiedImageError:
        raise InvalidInput("damaged JPEG or PNG: its header cannot be read") from None
    except _DAMAGED as exc:
        raise InvalidInput(f"damaged JPEG or PNG: {exc}") from None
    return np.asarray(small), max(small.size) / max(width, height)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Industrial and depth cameras write 16 bits; converting alone would cut them off at 255."""
    if image.mode.startswith("I"):
        found = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
        found.info = image.info
        return found
    # A palette's indexes cannot be averaged.
    return image if image.mode in ("RGB", "L") else _converted(image)


def _converted(image: Image.Image) -> Image.Image:
    exif = image.info.get("exif")
    found = image.convert("RGB")
    if exif is not None:
        found.info["exif"] = exif
    return found


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGED:
        # A broken note beside the pixels is no fault of the pixels.
        return image

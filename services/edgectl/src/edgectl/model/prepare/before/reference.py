"""[input] of a declaration by numpy, OpenCV and Pillow: what the graph must equal. Contract: prepare.geometry."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from msgspec import UNSET

from edge_common.tensors import DTYPES, Array, TensorSpec
from edgectl.model.prepare.before.fit import Fitted, check_tensor, fitted
from edgectl.model.prepare.before.libraries import opencv
from edgectl.model.prepare.before.pixels import GREY
from edgectl.model.prepare.before.place import LONGEST
from edgectl.model.prepare.before.resized import resized
from edgectl.model.prepare.before.spec import Before
from edgectl.model.prepare.geometry import Geometry

# x, then y.
Pair = tuple[int, int]


def apply(spec: Before, tensor: TensorSpec, one_frame: bool, array: Array) -> tuple[Array, Geometry | None]:
    """Return what the model's input `tensor` takes for `array`, and how its frames lie in there.

    Raises:
        ModelError: `spec` does not fit `tensor`, or OpenCV or Pillow is not installed.
    """
    if spec.kind == "tensor":
        check_tensor(spec, tensor)
        exact = (array.astype(np.float64) - np.array(spec.mean)) / np.array(spec.std)
        return exact.astype(DTYPES[tensor.datatype]), None
    fit = fitted(spec, tensor, one_frame)
    sent = array.shape[2], array.shape[1]
    cut, frame = _seen(fit, sent)
    size, offset = placed(fit, frame)
    array = array[:, cut[1] : cut[1] + frame[1], cut[0] : cut[0] + frame[0]]
    made = np.stack([_numbers(fit, _coloured(fit, _sized(fit, picture, size, offset))) for picture in array])
    if fit.layout == "NCHW":
        made = made.transpose(0, 3, 1, 2)
    scale = np.array(size, np.float32) / np.array(frame, np.float32)
    before = np.array(offset, np.float32) - np.array(cut, np.float32) * scale
    ends = (np.array(pair, np.float32) for pair in (sent, fit.size or frame))
    return np.ascontiguousarray(made), Geometry(scale, before, *ends)


def _seen(fit: Fitted, sent: Pair) -> tuple[Pair, Pair]:
    """Return what of a frame of the size `sent` lies before the part that is resized, and that part's size."""
    if fit.size is None or fit.spec.resize != "crop":
        return (0, 0), sent
    ratio = Fraction(*fit.size)
    width = max(1, min(sent[0], int(LONGEST * sent[1] * ratio)))
    height = max(1, min(sent[1], int(LONGEST * sent[0] / ratio)))
    return ((sent[0] - width) // 2, (sent[1] - height) // 2), (width, height)


def placed(fit: Fitted, frame: Pair) -> tuple[Pair, Pair]:
    """Return the size of the resized frame, and what is padded before it (or, below 0, cut off)."""
    if fit.size is None or fit.spec.resize == "none":
        return frame, (0, 0)
    if fit.spec.resize == "letterbox":
        ratio = min(Fraction(new, old) for new, old in zip(fit.size, frame, strict=True))
        width, height = (max(1, int(side * ratio + Fraction(1, 2))) for side in frame)
        middle = (fit.size[0] - width) // 2, (fit.size[1] - height) // 2
        return (width, height), (0, 0) if fit.spec.place == "corner" else middle
    if fit.spec.resize == "crop":
        cover = fit.size if fit.spec.short_side is UNSET else (fit.spec.short_side,) * 2
        ratio = max(Fraction(new, old) for new, old in zip(cover, frame, strict=True))
        width, height = (int(side * ratio) for side in frame)
        return (width, height), (-round((width - fit.size[0]) / 2), -round((height - fit.size[1]) / 2))
    return fit.size, (0, 0)


def _sized(fit: Fitted, picture: Array, size: Pair, offset: Pair) -> Array:
    """Return `picture` [H, W, 3] resized to `size` and padded or cut to the model's."""
    if fit.spec.interpolation is not UNSET:
        picture = resized(picture, size, fit.spec.interpolation)
    if fit.size is None or fit.spec.resize in ("stretch", "none"):
        return picture
    if fit.spec.resize == "crop":
        left, top = -offset[0], -offset[1]
        return picture[top : top + fit.size[1], left : left + fit.size[0]]
    right, bottom = (end - new - before for end, new, before in zip(fit.size, size, offset, strict=True))
    levels = (0,) if fit.spec.pad is UNSET else fit.spec.pad
    colour, cv2 = levels * 3 if len(levels) == 1 else levels, opencv()
    bordered: Array = cv2.copyMakeBorder(
        picture, offset[1], bottom, offset[0], right, cv2.BORDER_CONSTANT, value=colour
    )
    return bordered


def _coloured(fit: Fitted, picture: Array) -> Array:
    if fit.spec.colour == "BGR":
        return picture[..., ::-1]
    if fit.spec.colour != "grey":
        return picture
    if picture.dtype != np.uint8:
        return np.asarray(picture @ np.array(GREY))[..., None]
    cv2 = opencv()
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY))[..., None]


def _numbers(fit: Fitted, picture: Array) -> Array:
    """Return the pixels in the model's range and type."""
    spec, dtype = fit.spec, DTYPES[fit.tensor.datatype]
    low, high = (0.0, 255.0) if spec.range is UNSET else spec.range
    real = (low + picture.astype(np.float64) / 255 * (high - low) - np.array(spec.mean)) / np.array(spec.std)
    if spec.quantised is not UNSET:
        real = np.rint(real / spec.quantised.scale) + spec.quantised.zero_point
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        real = np.clip(np.rint(real), limits.min, limits.max)
    return np.asarray(real, dtype)

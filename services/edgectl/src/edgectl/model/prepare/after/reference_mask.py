"""A mask in plain numpy: the class of each pixel, laid back over the frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_common.tensors import Array
from edgectl.model.prepare.after.shares import activated
from edgectl.model.prepare.after.spec import Mask
from edgectl.model.prepare.geometry import Geometry

Floats = npt.NDArray[np.float32]


def apply(spec: Mask, scores: Array, geometry: Geometry | None) -> dict[str, Array]:
    """Return `mask` uint8 [1, H, W] of the frame, or of the model's own extents without `geometry`."""
    map_ = _map(spec, scores)
    if geometry is None:
        return {"mask": _classes(spec, map_)[None]}
    places = [_middles(geometry, axis, map_.shape[1 + axis]) for axis in (0, 1)]
    if spec.resize == "nearest":
        rows, columns = (_nearest(place, extent) for place, extent in zip(places, map_.shape[1:], strict=True))
        mask = _classes(spec, map_)[np.ix_(rows, columns)]
    else:
        mask = _classes(spec, smoothed(spec, scores, geometry))
    # What a crop cut off has not been looked at.
    inside = [(place >= 0) & (place < extent) for place, extent in zip(places, map_.shape[1:], strict=True)]
    return {"mask": np.where(inside[0][:, None] & inside[1], mask, np.uint8(0))[None]}


def smoothed(spec: Mask, scores: Array, geometry: Geometry) -> Array:
    """Return the scores [channels, H, W] at the frame's pixels, float64, linear between the model's."""
    map_ = _map(spec, scores)
    for axis in (0, 1):
        map_ = _linear(map_, _middles(geometry, axis, map_.shape[1 + axis]), 1 + axis)
    return map_


def _map(spec: Mask, scores: Array) -> Array:
    """Return shares float32 or classes uint8 as [channels, h, w]."""
    if spec.layout == "map":
        return scores.reshape(-1, *scores.shape[-2:]).astype(np.uint8)
    floats = scores[0].astype(np.float32)
    return activated(spec.activation, floats.transpose(2, 0, 1) if spec.layout == "nhwc" else floats)


def _classes(spec: Mask, map_: Array) -> npt.NDArray[np.uint8]:
    if spec.layout == "map":
        return np.asarray(map_[0], np.uint8)
    best = map_[0] > np.float32(spec.threshold) if len(map_) == 1 else map_.argmax(0)
    return np.asarray(best, np.uint8)


def _middles(geometry: Geometry, axis: int, extent: int) -> Floats:
    """Return where the middles of the frame's pixels lie in a map of `extent`, 0 being its edge; axis 0 is y."""
    scale, offset, frame, size = (
        pair[1 - axis] for pair in (geometry.scale, geometry.offset, geometry.frame, geometry.size)
    )
    ratio = np.float32(extent) / size
    halves = np.arange(int(frame), dtype=np.float32) + np.float32(0.5)
    return np.asarray(halves * (scale * ratio) + offset * ratio, np.float32)


def _nearest(places: Floats, extent: int) -> npt.NDArray[np.int64]:
    return np.clip(np.floor(places), 0, extent - 1).astype(np.int64)


def _linear(map_: Array, places: Floats, axis: int) -> Array:
    """Return `map_` at `places` along `axis`, linear between its pixels' middles and level beyond the outermost."""
    last = map_.shape[axis] - 1
    inner = np.clip(places.astype(np.float64) - 0.5, 0, last)
    low = np.floor(inner).astype(np.int64)
    share = (inner - low).reshape([-1 if dim == axis else 1 for dim in range(map_.ndim)])
    high = np.minimum(low + 1, last)
    return np.asarray(map_.take(low, axis) * (1 - share) + map_.take(high, axis) * share)

"""Inputs for golden samples when nobody gives any: seeded noise in each input's type and shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from edge_common.bundle import BundleError, Image
from edge_common.tensors import DTYPES, Array, TensorSpec
from edgectl.bundle.options import MAX_ELEMENTS

# Height and width for an image input that takes any: small, and unequal so that a swap shows.
_IMAGE_SIDES = (120, 160)


def generate(
    inputs: Sequence[TensorSpec], count: int, seed: int, shapes: Mapping[str, Sequence[int]], image: Image | None
) -> list[dict[str, Array]]:
    """Return `count` feeds. Floats are standard normal, integers cover 0..255 (or their type), text is digits.

    `shapes` (input name -> shape) settles variable dims, which are otherwise 1, or 120 x 160 for an image's sides.

    Raises:
        BundleError: a shape for no input, or one that does not fit it.
    """
    known = {spec.name: spec for spec in inputs}
    for name, shape in shapes.items():
        if name not in known:
            raise BundleError(f"--shape {name}: want one of the inputs {list(known)}, found {name!r}")
        if not known[name].accepts(shape):
            raise BundleError(f"--shape {name}: want {list(known[name].shape)} (-1 is any), found {list(shape)}")
    settled = {spec.name: tuple(shapes.get(spec.name) or _default(spec, image)) for spec in inputs}
    for name, shape in settled.items():
        if math.prod(shape) > MAX_ELEMENTS:
            raise BundleError(f"input '{name}': want at most {MAX_ELEMENTS:,} elements for noise, found {list(shape)}")
    rng = np.random.default_rng(seed)
    return [{spec.name: _noise(rng, spec, settled[spec.name]) for spec in inputs} for _ in range(count)]


def _default(spec: TensorSpec, image: Image | None) -> list[int]:
    shape = [1 if dim < 0 else dim for dim in spec.shape]
    if image is not None and image.input == spec.name and len(shape) == 4:
        for axis, side in zip((1, 2), _IMAGE_SIDES, strict=True):
            shape[axis] = side if spec.shape[axis] < 0 else shape[axis]
        shape[3] = 3
    return shape


def _noise(rng: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    dtype = DTYPES[spec.datatype]
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "O":
        return rng.integers(0, 1000, shape).astype(np.str_).astype(object)
    return rng.integers(0, min(255, int(np.iinfo(dtype).max)), shape, dtype=dtype, endpoint=True)

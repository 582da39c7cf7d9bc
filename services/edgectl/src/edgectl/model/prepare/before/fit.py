"""A declaration's input.fitted to the model's input that it feeds: what is unsaid is settled, what does not fit told.

Faults are ModelError("input.key: want ..., found ...").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import UNSET

from edge_common.tensors import DTYPES, TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.before.spec import Before, Layout

REAL, BYTES = ("FP32", "FP16", "FP64"), ("UINT8", "INT8")
_FREE = -1


@dataclass(frozen=True, slots=True)
class Fitted:
    """All that graph and reference of a picture's input need.

    `batch` is 1 or -1, `size` (width, height) of the model's input or None where it takes the frame's own. A pixel in
    0..255 becomes pixel * factor + shift, one each per channel or one for all.
    """

    spec: Before
    tensor: TensorSpec
    batch: int
    size: tuple[int, int] | None
    layout: Layout
    factor: tuple[float, ...]
    shift: tuple[float, ...]


def fitted(spec: Before, tensor: TensorSpec, one_frame: bool) -> Fitted:
    """Return `spec`, of kind "image", settled for the model's input `tensor`.

    Raises:
        ModelError: size, channels, layout, batch or type are not what the model takes.
    """
    _check_type(spec, tensor)
    layout = _layout(spec, tensor)
    batch, height, width = (tensor.shape[layout.index(axis)] for axis in "NHW")
    if batch > 1:
        raise ModelError(f"input.name: want an input of one frame or of any number, found {_whose(tensor)}")
    one = one_frame or batch == 1 or spec.resize not in ("stretch", "none")
    factor, shift = _straight(spec)
    _check_held("std", [255 * abs(each) for each in factor] + list(map(abs, shift)), "FP32")
    if spec.quantised is not UNSET:
        _check_held("quantised.scale", [1 / spec.quantised.scale], "FP32")
    return Fitted(spec, tensor, 1 if one else _FREE, _size(spec, tensor, width, height), layout, factor, shift)


def sent(fit: Fitted) -> tuple[int, int, int, int]:
    """Return the shape of the pixels that a client sends, NHWC, -1 for a free extent."""
    own = [fit.tensor.shape[fit.layout.index(axis)] for axis in "HW"] if fit.spec.resize == "none" else [_FREE, _FREE]
    return fit.batch, own[0], own[1], 3


def check_tensor(spec: Before, tensor: TensorSpec) -> None:
    """Raise ModelError unless `spec`, of kind "tensor", fits the model's input `tensor`."""
    if tensor.datatype not in ("FP32", "FP64"):
        raise ModelError(f'input.kind: want "tensor" for FP32 or FP64 numbers only, found {_whose(tensor)}')
    columns = tensor.shape[-1] if tensor.shape else 1
    _check_counts(spec, columns, f"one per column of {_whose(tensor)}")
    _check_held("mean", list(map(abs, spec.mean)), tensor.datatype)
    _check_held("std", [*spec.std, *(1 / std for std in spec.std)], tensor.datatype)


def _check_held(key: str, sizes: Sequence[float], datatype: str) -> None:
    """Raise ModelError unless the graph can compute with numbers of these `sizes`: infinity would be all it answers."""
    most = float(np.finfo(DTYPES[datatype]).max)
    if max(sizes) > most:
        raise ModelError(
            f"input.{key}: want numbers that {datatype} computes with, up to {most:.2g}, found {max(sizes):.2g} "
            "of range, mean and std together"
        )


def _whose(tensor: TensorSpec) -> str:
    return f"the model's input '{tensor.name}' {tensor.datatype} {list(tensor.shape)}"


def _check_type(spec: Before, tensor: TensorSpec) -> None:
    if tensor.datatype in REAL:
        if spec.quantised is not UNSET:
            raise ModelError(f"input.quantised: want it for a UINT8 or INT8 input only, found {_whose(tensor)}")
        return
    if tensor.datatype not in BYTES:
        raise ModelError(f"input.name: want an input of {', '.join(REAL + BYTES)} for pixels, found {_whose(tensor)}")
    low, high = (-128, 127) if tensor.datatype == "INT8" else (0, 255)
    if spec.quantised is UNSET:
        if tensor.datatype == "INT8" or _straight(spec) != ((1.0,), (0.0,)):
            raise ModelError(f"input.quantised: want scale and zero_point of {_whose(tensor)}, found neither")
    elif not low <= spec.quantised.zero_point <= high:
        raise ModelError(
            f"input.quantised.zero_point: want {low} to {high} for {_whose(tensor)}, found {spec.quantised.zero_point}"
        )


def _layout(spec: Before, tensor: TensorSpec) -> Layout:
    if len(tensor.shape) != 4:
        raise ModelError(f"input.name: want an input of four axes for pixels, found {_whose(tensor)}")
    channels = channels_of(spec)
    _check_counts(spec, channels, f"one per channel of {colour_of(spec)}")
    layouts: tuple[Layout, ...] = ("NCHW", "NHWC") if spec.layout is UNSET else (spec.layout,)
    exact = [layout for layout in layouts if tensor.shape[layout.index("C")] == channels]
    fits = exact or [layout for layout in layouts if tensor.shape[layout.index("C")] == _FREE]
    if not fits:
        raise ModelError(
            f"input.colour: want what {_whose(tensor)} takes ({' or '.join(layouts)}), "
            f"found {colour_of(spec)} of {channels} channel{'s' * (channels > 1)}"
        )
    if len(fits) > 1:
        raise ModelError(f'input.layout: want "NCHW" or "NHWC", for {_whose(tensor)} could be either, found nothing')
    return fits[0]


def colour_of(spec: Before) -> str:
    """Return the order of channels that the model takes, RGB unless said otherwise."""
    return "RGB" if spec.colour is UNSET else spec.colour


def channels_of(spec: Before) -> int:
    """Return how many channels the model takes."""
    return 1 if spec.colour == "grey" else 3


def _check_counts(spec: Before, count: int, what: str) -> None:
    for key in ("mean", "std"):
        found = len(getattr(spec, key))
        if found != 1 and count not in (found, _FREE):
            raise ModelError(f"input.{key}: want one number, or {what}, found {found}")


def _size(spec: Before, tensor: TensorSpec, width: int, height: int) -> tuple[int, int] | None:
    size = (width, height) if spec.size is UNSET else (spec.size[0], spec.size[1])
    if any(want not in (_FREE, found) for want, found in zip((width, height), size, strict=True)):
        raise ModelError(
            f"input.size: want [{width}, {height}] (width, height) as {_whose(tensor)}, found {list(size)}"
        )
    if spec.resize == "none":
        return size if _FREE not in size else None
    if _FREE in size:
        raise ModelError(f"input.size: want [width, height], for {_whose(tensor)} leaves them free, found nothing")
    if spec.short_side is not UNSET and spec.short_side < max(size):
        raise ModelError(
            f"input.short_side: want at least {max(size)}, the crop's longer side, found {spec.short_side}"
        )
    return size


def _straight(spec: Before) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return factor and shift of pixel -> (low + pixel * (high - low) / 255 - mean) / std."""
    low, high = (0.0, 255.0) if spec.range is UNSET else spec.range
    count = max(len(spec.mean), len(spec.std))
    means, stds = spec.mean * (count // len(spec.mean)), spec.std * (count // len(spec.std))
    factor = tuple((high - low) / 255 / std for std in stds)
    return factor, tuple((low - mean) / std for mean, std in zip(means, stds, strict=True))

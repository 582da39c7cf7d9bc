"""[input] of a declaration: from what a client sends to what the model takes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from edge_common.manifest import Figure, Text

Resize = Literal["letterbox", "stretch", "crop", "none"]
# Named after the library that resized the training pictures: they differ by five levels of 255 on a common downscale.
Interpolation = Literal["cv2-linear", "cv2-cubic", "cv2-nearest", "pil-bilinear", "pil-bicubic", "tf-bilinear"]
Colour = Literal["RGB", "BGR", "grey"]
Layout = Literal["NCHW", "NHWC"]
# ONNX Runtime's own limit is memory; a model that takes more pixels a side is a slip of the pen.
MAX_SIDE = 8192
MAX_CHANNELS = 65536

Side = Annotated[int, Meta(ge=1, le=MAX_SIDE, description=f"1 to {MAX_SIDE} pixels")]
Size = Annotated[
    tuple[Side, ...],
    Meta(min_length=2, max_length=2, description=f"[width, height], each 1 to {MAX_SIDE} pixels"),
]
Level = Annotated[int, Meta(ge=0, le=255, description="a whole number from 0 to 255")]
Levels = Annotated[
    tuple[Level, ...],
    Meta(min_length=1, max_length=3, description="a list of one number from 0 to 255, or of R, G and B"),
]
Bounds = Annotated[
    tuple[Figure, ...], Meta(min_length=2, max_length=2, description="[low, high], what 0 and 255 become")
]
Figures = Annotated[
    tuple[Figure, ...], Meta(min_length=1, max_length=MAX_CHANNELS, description="a list of one number or more")
]
Spread = Annotated[float, Meta(gt=0, le=1e300, description="a number above 0")]
Spreads = Annotated[
    tuple[Spread, ...], Meta(min_length=1, max_length=MAX_CHANNELS, description="a list of one number above 0 or more")
]


class Quantised(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an 8-bit model's numbers stand for real ones: real = (number - zero_point) * scale."""

    scale: Spread
    zero_point: Annotated[int, Meta(ge=-128, le=255, description="-128 to 255")] = 0


class Before(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens before the model, in this order: resize and pad, colour, range, mean and std, quantised, layout.

    A picture comes as UINT8 [1, H, W, 3] in RGB; a `tensor` as the model takes it, (x - mean) / std is all that is
    done to it. `mean` and `std` have one number, or one per channel in the order of `colour` (of a tensor: one per
    column of its last axis). A key that is UNSET is taken from the model, or says that nothing is done.
    """

    kind: Literal["image", "tensor"] = "image"
    name: Text | UnsetType = UNSET
    size: Size | UnsetType = UNSET
    resize: Resize | UnsetType = UNSET
    interpolation: Interpolation | UnsetType = UNSET
    pad: Levels | UnsetType = UNSET
    place: Literal["centre", "corner"] | UnsetType = UNSET
    short_side: Side | UnsetType = UNSET
    colour: Colour | UnsetType = UNSET
    range: Bounds | UnsetType = UNSET
    mean: Figures = (0.0,)
    std: Spreads = (1.0,)
    quantised: Quantised | UnsetType = UNSET
    layout: Layout | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError for keys that contradict each other or say nothing."""
        idle = _PICTURE if self.kind == "tensor" else _idle(self.resize)
        if found := next((key for key in idle if getattr(self, key) is not UNSET), None):
            where = 'kind = "tensor"' if self.kind == "tensor" else f'resize = "{self.resize}"'
            raise ValueError(f"{found}: want it left out, for {where} does not use it")
        if self.pad is not UNSET and len(self.pad) == 2:
            raise ValueError("pad: want one number, or three (RGB), found 2")
        if self.range is not UNSET and self.range[0] == self.range[1]:
            raise ValueError(f"range: want two numbers that differ, found {self.range[0]:g} twice")
        if self.kind == "tensor":
            return
        if self.resize is UNSET:
            raise ValueError('resize: want "letterbox", "stretch", "crop" or "none", found nothing')
        if self.interpolation is UNSET and self.resize != "none":
            raise ValueError(f"interpolation: want the one that the training pictures were resized by, {_CHOICE}")


_PICTURE = ("size", "resize", "interpolation", "pad", "place", "short_side", "colour", "range", "quantised", "layout")
_CHOICE = "cv2-linear, cv2-cubic, cv2-nearest, pil-bilinear, pil-bicubic or tf-bilinear, found nothing"


def _idle(resize: Resize | UnsetType) -> tuple[str, ...]:
    """Return the keys that say nothing beside this `resize`."""
    match resize:
        case "letterbox":
            return ("short_side",)
        case "crop":
            return ("pad", "place")
        case "stretch":
            return ("pad", "place", "short_side")
        case "none":
            return ("interpolation", "pad", "place", "short_side")
    return ()

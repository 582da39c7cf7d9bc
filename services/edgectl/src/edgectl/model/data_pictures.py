"""Samples from a folder of pictures, read one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from edge_common.tensors import Array, TensorSpec
from edge_common.tomlfile import read_bytes
from edgectl.model.data import Dataset, Feed, spaced, takes_pictures
from edgectl.model.errors import ModelError
from edgectl.model.extras import how_to_install

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
# An uncompressed 4K bitmap has half of it.
MAX_PICTURE_BYTES = 64 * 1024 * 1024
# More than any data set of pictures that one reads for a check; each costs a look at the folder.
MAX_PICTURES = 1_000_000


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of `folder`, and of its subfolders where it has none itself, in the order of names."""
    own = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    return own or [path for path in sorted(folder.glob("*/*")) if path.suffix.lower() in SUFFIXES][:MAX_PICTURES]


def read_pictures(folder: Path, files: Sequence[Path], inputs: Sequence[TensorSpec], limit: int) -> Dataset:
    """Return `files` as feeds for the one input of `inputs`; in subfolders, the folders' names are their labels.

    Raises:
        ModelError: the inputs are no single UINT8 [1, H, W, 3].
    """
    if len(inputs) != 1 or not takes_pictures(inputs[0]):
        found = ", ".join(f"'{spec.name}' {spec.datatype} {list(spec.shape)}" for spec in inputs)
        raise ModelError(
            f"{folder}: pictures want one input UINT8 [1, H, W, 3], found {found}; "
            "give an .npz, or prepare the graph first (edgectl model prepare)"
        )
    picked = [files[i] for i in spaced(len(files), limit)]
    names = [str(file.relative_to(folder)) for file in picked]
    classes = [file.parent.name for file in picked]
    labelled = picked[0].parent != folder
    labels = {"label": np.array(classes, dtype=object)} if labelled else None
    return Dataset(Pictures(tuple(picked), inputs[0]), names, len(files), labels)


@dataclass(frozen=True, slots=True)
class Pictures(Sequence[Feed]):
    """Feeds that are read when asked for: a thousand frames are gigabytes once decoded."""

    files: tuple[Path, ...]
    spec: TensorSpec

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Feed: ...
    @overload
    def __getitem__(self, index: slice) -> Pictures: ...
    def __getitem__(self, index: int | slice) -> Feed | Pictures:
        if isinstance(index, slice):
            return Pictures(self.files[index], self.spec)
        pixels = read_picture(self.files[index])[np.newaxis]
        if not self.spec.accepts(pixels.shape):
            raise ModelError(
                f"{self.files[index]}: want a picture that fits '{self.spec.name}' {list(self.spec.shape)}, "
                f"found {list(pixels.shape)}; resize it, or prepare the graph to take any size"
            )
        return {self.spec.name: pixels}


def read_picture(path: Path) -> Array:
    """Return uint8 [h, w, 3] in RGB; raise ModelError when it is no picture, or OpenCV is not there."""
    try:
        import cv2
    except ImportError:
        raise ModelError(
            f"{path}: want OpenCV to read pictures, found no such package: {how_to_install('pictures')}"
        ) from None
    content = np.frombuffer(read_bytes(path, MAX_PICTURE_BYTES), np.uint8)
    try:
        pixels = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ModelError(f"{path}: want a picture, found something that OpenCV cannot read")
    return np.ascontiguousarray(pixels[:, :, ::-1])

"""Samples to run a model on: read from files, or generated; one feed each, with what is known to be true of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_common.tensors import Array, TensorSpec
from edgectl.model.errors import ModelError

# Enough to tell 99 % of agreement from 98 %; a framework that takes 50 ms a sample is done within a minute.
MAX_SAMPLES = 1000

Feed = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples in order: `feeds[i]` (input name -> array of the input's type, batch axis 1 kept) is called `names[i]`.

    `labels` (what is true, name -> array whose first axis is the samples; text as object arrays) is None where nothing
    is known. `wide` has the feeds as the file holds them where it has more digits than the inputs take, else None.
    `total` is how many samples there were to choose from, `origin` where, `noise` whether they were made up. Feeds of
    pictures are read when they are asked for, and noise is made then.
    """

    feeds: Sequence[Feed]
    names: Sequence[str]
    total: int
    labels: Mapping[str, Array] | None = None
    wide: Sequence[Feed] | None = None
    origin: str = ""
    noise: bool = False

    def __len__(self) -> int:
        return len(self.feeds)


def read_feeds(path: Path, inputs: Sequence[TensorSpec], limit: int = MAX_SAMPLES) -> Dataset:
    """Return at most `limit` samples of `path` for `inputs`, evenly spaced where there are more.

    `path` is an .npz with one array per input, whose first axis is the samples (golden samples' `in.` is understood);
    or a folder of those; or a folder of pictures (.jpg, .png, .bmp) for one UINT8 [1, H, W, 3] input, given as RGB,
    where subfolders, if there are any, are the classes. Labels are arrays `labels` or `label.<name>` of the .npz, or
    those subfolders' names.

    Raises:
        ModelError: nothing of the kind there, or something that does not fit the inputs.
    """
    from edgectl.model.data_npz import read_arrays
    from edgectl.model.data_pictures import pictures_in, read_pictures

    if not path.exists():
        raise ModelError(f"{path}: want an .npz or a folder of .npz or pictures, found nothing there")
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if files:
        return replace(read_arrays(files, inputs, limit), origin=str(path))
    if not (pictures := pictures_in(path)):
        raise ModelError(f"{path}: want .npz files or pictures (.jpg, .png, .bmp) in the folder, found none")
    return replace(read_pictures(path, pictures, inputs, limit), origin=str(path))


def generated(inputs: Sequence[TensorSpec], count: int, seed: int) -> Dataset:
    """Return `count` samples of seeded noise; pictures of free size come in several sizes, other free extents are 1."""
    from edgectl.model.data_noise import Noise

    names = [f"noise {number}" for number in range(seed, seed + count)]
    return Dataset(Noise(tuple(inputs), seed, range(count)), names, count, origin=f"noise, seed {seed}", noise=True)


def takes_pictures(spec: TensorSpec) -> bool:
    """Return whether the input is UINT8 [1 or any, H, W, 3]."""
    return spec.datatype == "UINT8" and len(spec.shape) == 4 and spec.shape[3] in (-1, 3) and spec.shape[0] in (-1, 1)


def spaced(total: int, limit: int) -> list[int]:
    """Return at most `limit` indexes evenly spaced in range(total), as files are often sorted by class."""
    return list(range(total)) if total <= limit else [i * total // limit for i in range(limit)]

"""Samples from .npz files, one row each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_common.npz import NpzError, read_npz
from edge_common.tensors import DTYPES, Array, TensorSpec
from edgectl.bundle.options import MAX_REFERENCE_BYTES
from edgectl.model.data import Dataset, Feed, spaced
from edgectl.model.errors import ModelError

_WIDE = np.dtype(np.float64)


def read_arrays(files: Sequence[Path], inputs: Sequence[TensorSpec], limit: int) -> Dataset:
    """Return the samples of all `files`; together they are held to MAX_REFERENCE_BYTES.

    Raises:
        ModelError: a file that is no .npz, lacks an input or holds one that does not fit, or labels of another count.
    """
    wide: list[Feed] = []
    names: list[str] = []
    labels: list[dict[str, Array]] = []
    for file, arrays in _loaded(files):
        feeds, truth = _samples(file, arrays, inputs)
        wide += feeds
        names += [file.name if len(feeds) == 1 else f"{file.name}[{i}]" for i in range(len(feeds))]
        labels.append(truth)
    if not wide:
        raise ModelError(f"{files[0]}: want samples, found none in it")
    picked = spaced(len(wide), limit)
    wide = [wide[i] for i in picked]
    feeds = [narrowed(feed, inputs) for feed in wide]
    truth = {name: array[picked] for name, array in _joined(files, labels).items()}
    rounded = any(narrow[name] is not feed[name] for narrow, feed in zip(feeds, wide, strict=True) for name in feed)
    return Dataset(feeds, [names[i] for i in picked], len(names), truth or None, wide if rounded else None)


def narrowed(feed: Feed, inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return `feed` in the types of `inputs`: the same arrays, except float64 where a narrower float is taken."""
    return {spec.name: feed[spec.name].astype(DTYPES[spec.datatype], copy=False) for spec in inputs}


def _loaded(files: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Array]]]:
    left = MAX_REFERENCE_BYTES
    for file in files:
        try:
            arrays = read_npz(file, left)
        except NpzError as exc:
            raise ModelError(f"{file}: {exc}") from None
        left -= sum(array.nbytes for array in arrays.values())
        if left < 0:
            raise ModelError(f"{file}: want at most {MAX_REFERENCE_BYTES} bytes of samples in all, found more")
        yield file, arrays


def _samples(
    file: Path, arrays: Mapping[str, Array], inputs: Sequence[TensorSpec]
) -> tuple[list[Feed], dict[str, Array]]:
    """Return the rows of one file, and its labels by name."""
    truth = {name.removeprefix("label."): arrays[name] for name in arrays if name.startswith("label.")}
    truth |= {"label": arrays["labels"]} if "labels" in arrays else {}
    found = {name.removeprefix("in."): array for name, array in arrays.items()}
    rows = {spec.name: _rows(file, spec, found) for spec in inputs}
    counts = {name: len(each) for name, each in rows.items()}
    counts |= {f"label.{name}": array.shape[0] if array.ndim else 0 for name, array in truth.items()}
    if len(set(counts.values())) != 1:
        raise ModelError(f"{file}: want as many samples in every array, along its first axis; found {counts}")
    return [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)], truth


def _rows(file: Path, spec: TensorSpec, arrays: Mapping[str, Array]) -> list[Array]:
    """Return the samples of one input, each as the graph takes it."""
    want = f"{spec.datatype} {list(spec.shape)} a sample (-1 is any)"
    if spec.name not in arrays:
        raise ModelError(f"{file}: input '{spec.name}': want {want}, found only arrays {sorted(arrays)}")
    array = arrays[spec.name]
    rows = _split(array, spec)
    if not _fits(array, spec) or any(not spec.accepts(row.shape) for row in rows[:1]):
        raise ModelError(f"{file}: input '{spec.name}': want {want}, found {array.dtype} {list(array.shape)}")
    return rows


def _split(array: Array, spec: TensorSpec) -> list[Array]:
    if array.ndim == len(spec.shape) + 1:
        return [np.asarray(row) for row in array]
    if array.ndim and spec.shape[:1] in ((-1,), (1,)):
        return [array[i : i + 1] for i in range(len(array))]
    return [array]


def _fits(array: Array, spec: TensorSpec) -> bool:
    """Whether it has the input's type, or is float64 for a narrower float: numpy's own, which people save."""
    want = DTYPES[spec.datatype]
    return array.dtype == want or (array.dtype == _WIDE and want.kind == "f")


def _joined(files: Sequence[Path], labels: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the labels of all files, one after the other; smaller ones are filled up with -1."""
    for file, each in zip(files, labels, strict=True):
        if each.keys() != labels[0].keys():
            raise ModelError(f"{file}: want labels {sorted(labels[0])} as in {files[0].name}, found {sorted(each)}")
    return {name: _stacked(files, name, [each[name] for each in labels]) for name in labels[0]}


def _stacked(files: Sequence[Path], name: str, arrays: Sequence[Array]) -> Array:
    numbers = all(array.dtype.kind in "iufb" for array in arrays)
    if len({array.ndim for array in arrays}) != 1 or len({array.dtype.kind in "iufb" for array in arrays}) != 1:
        found = sorted({f"{array.dtype} {list(array.shape)}" for array in arrays})
        raise ModelError(f"{files[0].parent}: label.{name}: want arrays of one kind, found {', '.join(found[:5])}")
    most = tuple(max(array.shape[axis] for array in arrays) for axis in range(1, arrays[0].ndim))
    return np.concatenate([_filled(array, most) for array in arrays] if numbers else list(arrays))


def _filled(array: Array, most: tuple[int, ...]) -> Array:
    if array.shape[1:] == most:
        return array
    signed = array if array.dtype.kind in "if" else array.astype(np.int64)
    edges = [(0, 0), *[(0, want - have) for want, have in zip(most, array.shape[1:], strict=True)]]
    return np.pad(signed, edges, constant_values=-1)

"""What is true of the samples, from a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_common.npz import NpzError, read_npz
from edge_common.tensors import Array
from edge_common.tomlfile import read_bytes
from edgectl.bundle.options import MAX_REFERENCE_BYTES
from edgectl.model.data import Dataset, spaced
from edgectl.model.errors import ModelError

# A label of ten letters for each of a hundred thousand samples.
MAX_TEXT_BYTES = 1024 * 1024


def labelled(dataset: Dataset, path: Path, classes: Sequence[str]) -> Dataset:
    """Return `dataset` with the labels in `path` instead of its own.

    `path` is an .npz (arrays `labels`, `label.<name>` or just `<name>`), a text file with one class a line, both in
    the order of the samples, or a COCO .json, which names pictures and whose categories are `classes`.

    Raises:
        ModelError: nothing of the kind, or labels of another count than there are samples.
    """
    from edgectl.model.data_coco import read_coco

    if path.suffix == ".json":
        return replace(dataset, labels=read_coco(path, dataset.names, classes))
    labels = _arrays(path) if path.suffix == ".npz" else {"label": _lines(path)}
    return replace(dataset, labels={name: _picked(path, name, labels[name], dataset) for name in labels})


def _arrays(path: Path) -> Mapping[str, Array]:
    try:
        arrays = read_npz(path, MAX_REFERENCE_BYTES)
    except NpzError as exc:
        raise ModelError(f"--labels {path}: {exc}") from None
    found = {name.removeprefix("label."): array for name, array in arrays.items()}
    return {"label" if name == "labels" else name: array for name, array in found.items()}


def _lines(path: Path) -> Array:
    try:
        text = read_bytes(path, MAX_TEXT_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ModelError(
            f"--labels {path}: want an .npz, a COCO .json or one class a line of text, found others"
        ) from None
    return np.array([line.strip() for line in text.removesuffix("\n").split("\n")], dtype=object)


def _picked(path: Path, name: str, array: Array, dataset: Dataset) -> Array:
    """Return the labels of the samples that were picked from all there are."""
    found = array.shape[0] if array.ndim else 0
    if found not in (len(dataset), dataset.total):
        raise ModelError(f"--labels {path}: {name}: want {dataset.total} labels, one a sample, found {found}")
    picked: Array = array[spaced(found, len(dataset))]
    return picked

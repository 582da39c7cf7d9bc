"""--example: one .npz with one array per input, the first axis being samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.npz import NpzError, read_npz
from edgectl.bundle.options import MAX_REFERENCE_BYTES
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array


def read_example(path: Path) -> dict[str, Array]:
    """Return input name -> array, labels left out; golden samples' `in.` is understood."""
    try:
        arrays = read_npz(path, MAX_REFERENCE_BYTES)
    except NpzError as exc:
        raise ModelError(f"--example {path}: {exc}") from None
    found = {
        name.removeprefix("in."): array for name, array in arrays.items() if not name.startswith(("out.", "label"))
    }
    if empty := [name for name, array in found.items() if not array.ndim or not len(array)]:
        raise ModelError(f"--example {path}: want samples along the first axis, found none in '{empty[0]}'")
    return found

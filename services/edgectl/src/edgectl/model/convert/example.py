"""--example: one .npz with one array per input, the first axis being samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.npz import NpzError, read_npz
from edgectl.bundle.options import MAX_REFERENCE_BYTES
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array
    from edgectl.model.convert.options import ConvertOptions


# A run that fails, and what torch.export says of types and of numbers that are no index.
_OF_INPUTS = re.compile(r"cannot run|scalar type|out of (range|bounds)")


@contextmanager
def advised(options: ConvertOptions) -> Iterator[None]:
    """Add --example to a ModelError that inputs may be the cause of, where they were made up."""
    try:
        yield
    except ModelError as exc:
        if options.example is not None or not _OF_INPUTS.search(str(exc)):
            raise
        raise ModelError(
            f"{str(exc).rstrip('.')}; its inputs were made up: give real ones with --example FILE.npz"
        ) from None


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
